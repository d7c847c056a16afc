"""Filling the gaps of a text."""
