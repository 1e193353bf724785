"""The node's stdout and stderr, and the process that alone writes to the real ones."""
