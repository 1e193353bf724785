"""The processes: they carry out what the core decides, and decide nothing."""
