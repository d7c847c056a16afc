"""`charrnn compare`: its command and its report."""
