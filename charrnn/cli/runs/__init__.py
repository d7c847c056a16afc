"""`charrnn runs`: the command, and what only it needs."""
