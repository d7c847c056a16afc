"""Dumps: recordings in files, for other programs and for showing again.

A dump is written part by part while a model reads, so its size is limited by the disk and not by memory.
"""
