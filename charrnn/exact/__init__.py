"""Models whose arithmetic is exact: the same numbers, and the same text for the same seed, on every machine."""
