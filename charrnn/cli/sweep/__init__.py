"""`charrnn sweep`: the command, and what only it needs."""
