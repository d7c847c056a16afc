"""Showing: data in, text out. Knows no torch, no files and no terminal's state."""
