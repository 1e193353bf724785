"""State that survives the death of a process: what is stored, where, and in which form."""
