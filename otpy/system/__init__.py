"""The operating system: the only package that touches it, and it knows no other of otpy's."""
