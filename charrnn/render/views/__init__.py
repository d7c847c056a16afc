"""What is shown: each view turns data into a scene or a grid."""
