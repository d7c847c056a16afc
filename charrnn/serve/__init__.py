"""A page with a live model behind it, for one person on this machine."""
