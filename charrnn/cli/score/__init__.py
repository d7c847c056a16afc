"""`charrnn score`."""
