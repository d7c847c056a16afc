"""`charrnn visualize`: what a model's units do while it reads or generates a text."""
