"""References, links and connections for asyncio: the twin of `otpy.links`."""
