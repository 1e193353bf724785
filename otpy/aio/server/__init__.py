"""What ``async def`` handlers ask of their tree: the twin of `otpy.server`."""
