"""``otpy top`` in a terminal, with keys: the extra ``otpy[top]``, which needs Textual.

Nothing else of otpy imports it.
"""
