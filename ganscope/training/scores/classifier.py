"""A small classifier of digits whose weights come with the package.

`train_classifier.py` beside it made them, from the built-in digits' training part alone.
"""

from __future__ import annotations

import functools
from importlib import resources

import torch
from torch import Tensor, nn

from ganscope.errors import WeightsError

WEIGHTS = "classifier.safetensors"
SIDE = 28
CLASSES = 10
FEATURES = 32

TEST_ACCURACY = 0.978
"""The share of the built-in test digits, which it has never seen, that it gets right."""


class DigitClassifier(nn.Module):
    """Two convolutions and two linear layers: 26,698 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),  # (B, 1, 28, 28) → (B, 8, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(2),  # → (B, 8, 14, 14)
            nn.Conv2d(8, 16, 3, padding=1),  # → (B, 16, 14, 14)
            nn.ReLU(),
            nn.MaxPool2d(2),  # → (B, 16, 7, 7)
            nn.Flatten(),  # → (B, 784)
            nn.Linear(784, FEATURES),
            nn.ReLU(),
        )
        self.verdict = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the ten digits: (B, 1, 28, 28), pixels in [0, 1] → (B, 10)."""
        logits: Tensor = self.verdict(self.features(images))
        return logits


@functools.cache
def shipped_classifier() -> DigitClassifier:
    """The classifier with its weights, in evaluation mode, on the CPU; read once.

    Raises:
        WeightsError: The installed file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    # Its first weights are drawn and thrown away: nobody's random numbers are to be used for it.
    with torch.random.fork_rng(devices=[]):
        classifier = DigitClassifier()
    try:
        file = resources.files("ganscope.training.scores") / WEIGHTS
        classifier.load_state_dict(load(file.read_bytes()))
    except (OSError, SafetensorError, RuntimeError):
        raise WeightsError(
            "the built-in classifier is missing or damaged; install ganscope anew"
        ) from None
    return classifier.eval().requires_grad_(requires_grad=False)
