"""The node's process: its lock and files, its workers' requests, names, monitors, the journal."""
