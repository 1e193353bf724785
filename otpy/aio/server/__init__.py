"""Requests of ``async def`` handlers to their tree: the twin of `otpy.server`."""
