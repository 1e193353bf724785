"""Pure decisions: no clock, no pid, no file descriptor, no thread."""
