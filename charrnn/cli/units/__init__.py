"""`charrnn units`: which units follow what, and how that is known."""
