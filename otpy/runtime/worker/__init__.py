"""A worker's process: its mailbox, its connections, and the server or function that it runs."""
