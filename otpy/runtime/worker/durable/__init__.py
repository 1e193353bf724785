"""Durable servers: their state is stored before anything that they do is seen."""
