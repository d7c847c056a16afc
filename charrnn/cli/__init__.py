"""The command line: the only part that prints, exits, or reads the arguments, the environment and the working folder."""
