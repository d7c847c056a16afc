"""Rendering: data in, text and pictures out. It knows no torch, no files and no terminal state."""
