"""The gateway's process: clients connect here, ask about the tree, and are handed to workers."""
