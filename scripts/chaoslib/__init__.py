"""What `scripts/chaos.py` is made of: a tree, those who kill it, those who use it, and a judge."""
