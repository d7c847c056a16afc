"""Text that matches a regular expression in full."""
