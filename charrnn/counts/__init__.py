"""N-gram counts of the training text, a second model whose predictions are mixed with the network's."""
