"""A page on which a reading can be looked at in a browser: one file that needs nothing but itself."""
