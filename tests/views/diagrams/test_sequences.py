"""Sequences, and tensors that are the same numbers in another shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import ganscope

from .test_flow import rendered


class Tokens(nn.Module):
    """Reads a token after the other, then all of them in other shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.lstm = nn.Linear(5, 32), nn.LSTM(32, 70, batch_first=True)
        self.last = nn.Linear(70, 1)

    def forward(self, values: Tensor) -> Tensor:
        return self.last(self.lstm(self.first(values))[0])


class Patches(nn.Module):
    """Makes patches of an image into tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.last = nn.Conv2d(3, 64, 8, 8), nn.Linear(64, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.patch(images).flatten(2).transpose(1, 2))


class Folded(nn.Module):
    """Folds the batch into the channels and back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)

    def forward(self, images: Tensor) -> Tensor:
        inner = self.first(images)
        folded = inner.reshape(-1, *inner.shape[2:])
        return self.last(folded.mean((1, 2)).reshape(len(images), -1))


def test_every_block_of_a_sequence_says_that_it_shows_the_first_tokens() -> None:
    torch.manual_seed(0)
    shown = rendered(ganscope.trace(Tokens(), torch.randn(4, 20, 5)))
    assert shown.faults() == []
    assert shown.words.count("first 16 of 20") == 4
    assert "35 of 70 features" in shown.words


def test_the_same_numbers_are_not_claimed_of_different_parts() -> None:
    torch.manual_seed(0)
    words = rendered(ganscope.trace(Patches(), torch.randn(4, 3, 32, 32))).words
    assert "first 16 of 64" in words, "of 64×16"
    assert words.count("same 1,024 numbers") == 1, "from the conv's maps, not to 16×64"


def test_a_batch_that_is_folded_away_leaves_no_same_numbers() -> None:
    torch.manual_seed(0)
    shown = rendered(ganscope.trace(Folded(), torch.randn(2, 3, 6, 6)))
    assert not any(text.startswith("same ") for text in shown.words)
