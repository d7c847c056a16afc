"""`charrnn probe`: what can be read from all units together."""
