"""The textbook's experiments with gradients that vanish and explode, computed anew each time."""
