"""Training: the only home of torch."""
