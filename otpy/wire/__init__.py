"""What crosses a pipe: frames, codecs and the messages in them. Bytes in, values out; no I/O."""
