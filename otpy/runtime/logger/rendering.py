"""The records of a message, as they stand in a file."""

from otpy.wire.log_message import OWN_LOGGER, LogMessage
from otpy.wire.log_record import LogRecord, head, to_json, to_text


def rendered(message: LogMessage) -> list[bytes]:
    """Return what stands in a file for each line or record of a message."""
    if message.records:
        return [_form(message, record) for record in message.records]
    texts = message.lines[:-1].split(b"\n")
    if message.target.is_json:
        return [to_json(_record(message, text)) for text in texts]
    before = head(message.at, message.path, message.incarnation, message.stream)
    prefix = before + (b" |> " if message.split else b" | ")
    if not _is_utf8(message.lines):
        texts = [text.decode(errors="backslashreplace").encode() for text in texts]
    return [prefix + text + b"\n" for text in texts]


def mention(message: LogMessage, dropped: int) -> bytes:
    """Return the record that so many lines were dropped before those of a message."""
    text = f"{dropped} lines dropped: they could not be written"
    record = LogRecord(
        message.at, message.path, message.incarnation, "log", text, "WARNING", OWN_LOGGER
    )
    return _form(message, record)


def _form(message: LogMessage, record: LogRecord) -> bytes:
    return to_json(record) if message.target.is_json else to_text(record)


def _record(message: LogMessage, text: bytes) -> LogRecord:
    return LogRecord(
        message.at,
        message.path,
        message.incarnation,
        message.stream,
        text.decode(errors="backslashreplace"),
        split=message.split,
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
