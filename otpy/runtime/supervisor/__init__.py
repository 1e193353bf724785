"""A supervisor's process: it starts, watches and stops children as the core decides."""
