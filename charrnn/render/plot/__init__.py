"""Curves and points, drawn with characters or by matplotlib."""
