"""Lossless compression of texts by what a model expects of them."""
