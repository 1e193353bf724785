"""Frames, codecs and the messages that cross a pipe. Bytes in, values out; no I/O."""
