"""Understanding a network: recordings of what its units do, edits of units, gates, context, dumps."""
