"""The client: connect to a node, call its servers, drive its supervisors."""
