"""Linear probes: what can be read from all units of a network at once, beside controls."""
