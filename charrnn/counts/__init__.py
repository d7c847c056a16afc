"""A model of counts beside the network: how often each symbol followed the last few in the training text."""
