"""What the node does by itself, so that its workers have fewer libraries mapped."""

import os
import random
import termios
import zlib

import pytest

from otpy.system import pipes
from otpy.system.claim import _crc32


def test_a_checksum_is_that_of_zlib() -> None:
    random.seed(5)
    for size in range(64):
        data = random.randbytes(size)
        assert _crc32(data) == zlib.crc32(data)


@pytest.mark.parametrize("machine", [os.uname().machine, "sparc64"])
def test_the_number_is_that_of_termios(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*here[:4], machine)))
    assert pipes._fionread() == termios.FIONREAD
