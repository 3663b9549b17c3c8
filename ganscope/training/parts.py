"""Which real digits are for training, which to choose by, and which only to test on.

The built-in digits lie shuffled once and for all, so three stretches of them are three random
parts. MNIST keeps its own test set apart; of its training set the paper's own code takes the last
10,000 to choose by, as here.
"""

from __future__ import annotations

TRAINING = slice(0, 8_000)
"""Of the built-in digits, for learning: what the shipped classifier was trained on."""

VALIDATION = slice(8_000, 9_000)
"""For choosing by: the width of the Parzen window, the threshold of diversity."""

TEST = slice(9_000, 10_000)
"""For the figure at the end, and for nothing before it."""

MNIST_TRAINING = slice(0, 50_000)
"""Of MNIST's training images, for learning."""

MNIST_VALIDATION = slice(50_000, 51_000)
"""Of MNIST's training images, for choosing by: as many as the paper's own code takes."""
