"""The process that writes the log of a node into files."""
