"""Models of pairs in NumPy: they turn a source into a target."""
