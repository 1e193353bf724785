"""Links: calls and casts over a pair of pipes, from a client or between two workers."""
