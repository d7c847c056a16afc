def visualize() -> None:
    """x"""
