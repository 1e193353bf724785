"""otpy."""
