"""GenServers: the behaviour, its results, and what each callback result means."""
