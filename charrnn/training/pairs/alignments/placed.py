"""A symbol at each place of a source; or a label, which has one place."""

from charrnn.training.pairs.alignments.base import Training

TRAINING = Training()
