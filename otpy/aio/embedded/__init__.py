"""A tree that a program on an event loop runs for itself: `otpy.aio.run`."""
