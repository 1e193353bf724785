"""The fake node of the blocking client's tests."""

from tests.client.conftest import fake, no_leaks, otpy_dir

__all__ = ["fake", "no_leaks", "otpy_dir"]
