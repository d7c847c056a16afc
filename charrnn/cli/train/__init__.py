"""`charrnn train`: its command, its report, and how a run is started, resumed and saved."""
