"""Where the states of a node's servers are on disk."""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "OTPY_STATE"
"""The environment variable that names the folder; the user's own one unless given."""

SUFFIX: Final = ".state"

_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
_MAX_NAME: Final = 200
_CUT: Final = "%%"
"""Stands before a digest in the name of a path that is too long."""


def state_folder(node: str) -> Path:
    """Return the folder with the states of the servers of node `node`.

    That is ``$OTPY_STATE/NODE``, else ``$XDG_STATE_HOME/otpy/NODE/state``: not the node's runtime
    directory, which is in memory.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given).absolute() / file_name(node)
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser().absolute() / "otpy" / file_name(node) / "state"


def file_of(folder: Path, path: str) -> Path:
    """Return the file of the server with this path in the tree."""
    return folder / f"{file_name(path)}{SUFFIX}"


def file_name(path: str) -> str:
    """Return a file's name for a path; of two paths never the same, and never one with a slash.

    Other bytes than lower-case letters, digits and ``-_.`` are ``%`` and two hexadecimal digits: so
    that file systems that know no case have them apart, too. A dot at the beginning is, too.
    """
    name = "".join(
        chr(byte) if byte in _PLAIN and not (byte == ord(".") and not number) else f"%{byte:02x}"
        for number, byte in enumerate(path.encode(errors="surrogateescape"))
    )
    if len(name) <= _MAX_NAME:
        return name or "%"
    from hashlib import blake2b  # noqa: PLC0415 - few paths are that long

    digest = blake2b(path.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    beginning = name[: _MAX_NAME - len(digest) - len(_CUT)].rstrip("%")
    return f"{beginning}{_CUT}{digest}"


def path_of(name: str) -> str | None:
    """Return the path that a file of this name is for; None if it is for none.

    Of one that is too long for a file's name there is only the beginning.
    """
    if not name.endswith(SUFFIX):
        return None
    parts, cut, _ = name.removesuffix(SUFFIX).partition(_CUT)
    out, at = bytearray(), 0
    try:
        while at < len(parts):
            if parts[at] == "%" and parts != "%":
                out += bytes.fromhex(parts[at + 1 : at + 3].ljust(2, "?"))
                at += 3
            else:
                out += parts[at].encode()
                at += 1
    except ValueError:
        return None
    text = "" if parts == "%" else out.decode(errors="replace" if cut else "surrogateescape")
    return f"{text}..." if cut else text
