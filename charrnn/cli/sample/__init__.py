"""`charrnn sample`: the command, and what only it needs."""
