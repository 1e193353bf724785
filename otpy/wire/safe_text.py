r"""Text that controls no terminal, and forges no line in a line-based file.

A terminal obeys the C0 and C1 control characters (ECMA-48), wherever the text comes from: an
exception, a reply, a name, a program's output. Each such character is written as its escape, such
as ``\x1b``; so are the separators that end a line in some programs, and the characters that
reverse the direction of what follows (Unicode TR 36, "Bidirectional Text Spoofing").
"""

import re
from typing import Final

_LINE_ENDS: Final = "\n\u2028\u2029"
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"

_in_line: Final = re.compile(f"[{_LINE_ENDS}{_CONTROLS}]")
_in_lines: Final = re.compile(f"[\u2028\u2029{_CONTROLS}]")
_SGR: Final = "\x1b\\[[0-9;:]*m"
_but_colors: Final = re.compile(f"({_SGR})|[{_LINE_ENDS}{_CONTROLS}]")
_in_colored_lines: Final = re.compile(f"({_SGR})|[\u2028\u2029{_CONTROLS}]")
_color: Final = re.compile(_SGR)
_COLOR_RESETS: Final = frozenset({"\x1b[m", "\x1b[0m", "\x1b[00m"})

_SPACES: Final = {ord("\n"): None}
_PLAIN: Final = bytes(range(0x20, 0x7F)) + b"\t\n"


def one_line(text: str) -> str:
    """Return `text` as one line, its control characters and line ends escaped; a tab stays."""
    return text if text.isprintable() else _in_line.sub(_escaped, text)


def escaped(text: str) -> str:
    """Return `text` with its control characters escaped; tabs and newlines stay."""
    return text if text.isprintable() else _in_lines.sub(_escaped, text)


def styled(text: str) -> str:
    """Return `text` as `escaped` does, but with its colors (SGR sequences): for text of our own."""
    return text if text.isprintable() else _in_colored_lines.sub(_escaped, text)


def output_line(line: bytes) -> bytes:
    """Return a line that a program printed: its colors stay and end with it, all else is escaped.

    Args:
        line: Without its newline. A carriage return at its end belongs to that; one inside would
            have the terminal write over what stands before.
    """
    if line.endswith(b"\r"):
        line = line[:-1]
    text = line.decode(errors="backslashreplace")
    if text.isprintable():
        return text.encode()
    text = _but_colors.sub(_escaped, text)
    colors = _color.findall(text)
    ends_colored = bool(colors) and colors[-1] not in _COLOR_RESETS
    return (text + "\x1b[0m" * ends_colored).encode()


def output_lines(lines: bytes) -> bytes:
    """Return lines that a program printed, each as `output_line` returns it."""
    if is_plain(lines) or _is_printable(lines):
        return lines
    each = lines.split(b"\n")
    return b"\n".join([line if is_plain(line) else output_line(line) for line in each])


def _is_printable(lines: bytes) -> bool:
    try:
        return lines.decode().translate(_SPACES).isprintable()
    except UnicodeDecodeError:
        return False


def is_plain(data: bytes) -> bool:
    """Return whether `data` holds printable ASCII, tabs and newlines only: no filter is needed."""
    return not data.translate(None, _PLAIN)


def json_text(document: str) -> str:
    r"""Return a JSON document that means the same, its control characters escaped.

    JSON needs no escapes for those above U+001F; a terminal obeys some of them. They can only
    stand in strings, where ``\u009b`` is the same.
    """
    return document if document.isprintable() else _in_lines.sub(_json_escaped, document)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if len(character) > 1:
        return character  # a color
    return character.encode("unicode_escape").decode()


def _json_escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
