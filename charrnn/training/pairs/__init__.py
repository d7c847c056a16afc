"""Training of models of pairs: their batches, their networks in torch, and their tasks."""
