"""The process beside the tree that hands events to the programs and servers of ``on_event``."""
