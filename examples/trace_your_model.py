"""Trace a model of your own: every layer, what failed, and the numbers in code.

Run it with ``python examples/trace_your_model.py``.
"""

from __future__ import annotations

import torch
from torch import nn

import ganscope


class Discriminator(nn.Module):
    """Judges 28 × 28 images; conditional on a label from 0 to 9."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),  # (B, 1, 28, 28) → (B, 16, 14, 14)
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),  # → (B, 32, 7, 7)
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.verdict = nn.Linear(32 * 7 * 7 + 16, 1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, 1, 28, 28), (B,) → (B, 1)."""
        features = self.features(images).flatten(1)  # → (B, 1568)
        joined = torch.cat([features, self.embed(labels)], dim=1)  # → (B, 1584)
        return torch.sigmoid(self.verdict(joined))


def main() -> None:
    """Show a trace, read figures out of it, and see a failure named."""
    torch.manual_seed(0)
    discriminator = Discriminator()
    images, labels = torch.randn(8, 1, 28, 28), torch.arange(8)

    trace = ganscope.trace(discriminator, images, labels=labels)
    print(trace)

    print("Share of values at or below zero after each activation:")
    for call in trace.steps[0].calls:
        stats = call.outputs[0].stats
        if call.type == "LeakyReLU" and stats is not None:
            print(f"  {call.label}: {stats.fraction_nonpositive:.0%}")

    print("\nAnd with images of the wrong size:")
    failed = ganscope.trace(discriminator, torch.randn(8, 1, 32, 32), labels=labels)
    assert failed.failure is not None
    print(f"  {failed.failure.got}; expected: {failed.failure.expected}")


if __name__ == "__main__":
    main()
