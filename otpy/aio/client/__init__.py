"""The client for asyncio: the twin of `otpy.client`."""
