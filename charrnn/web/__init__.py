"""A recording as a page for the browser: a single file that needs nothing else, or served live with the model."""
