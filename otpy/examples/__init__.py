"""Small servers that README, the demo and the tests use."""
