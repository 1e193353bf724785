"""A tree that a program runs for itself: `otpy.run`."""
