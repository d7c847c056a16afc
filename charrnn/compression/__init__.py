"""Lossless compression with the predictions of a model."""
