"""Networks whose weights are set by hand, without training: what a recurrent network can compute at all."""
