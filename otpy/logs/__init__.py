"""Read the logs of a node from its files, whether it runs or not."""
