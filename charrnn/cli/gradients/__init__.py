"""`charrnn gradients`: how far gradients reach, in networks and in the textbook's experiments."""
