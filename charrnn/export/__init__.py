"""Trained models in other forms: as an exact file, as a program in C."""
