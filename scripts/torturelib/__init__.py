"""The parts of `scripts/torture_durable.py`."""
