"""The node's process: its lock and files, workers' requests, names, monitors, `events.jsonl`."""
