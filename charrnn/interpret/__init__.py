"""Understanding what units do, and what the curve of a run teaches."""
