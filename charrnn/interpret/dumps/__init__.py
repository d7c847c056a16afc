"""Dumps: Recordings in files, for other programs and for a later look.

A dump is written part by part while a model reads, so that its size is bounded by the disk and not by memory.
"""
