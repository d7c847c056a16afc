"""The network: cells, and layers stacked on each other; independent of NumPy and torch."""
