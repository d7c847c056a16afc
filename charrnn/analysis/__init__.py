"""Understanding what units do."""
