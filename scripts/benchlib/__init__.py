"""What the benchmarks share: the systems that are measured, their marks, /proc, the table."""
