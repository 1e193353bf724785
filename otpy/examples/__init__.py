"""Small servers that the documentation, the demo and the tests use."""
