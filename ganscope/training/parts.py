"""Which of the built-in digits are for training, which to choose by, and which only to test on.

The digits lie shuffled once and for all, so three stretches of them are three random parts.
"""

from __future__ import annotations

TRAINING = slice(0, 8_000)
"""For learning: what the shipped classifier was trained on."""

VALIDATION = slice(8_000, 9_000)
"""For choosing by: the width of the Parzen window, the threshold of diversity."""

TEST = slice(9_000, 10_000)
"""For the figure at the end, and for nothing before it."""
