"""Draw a model of your own: a small U-Net with a skip, on light slides and for print.

Run it with ``python examples/draw_your_own_model.py [FOLDER]``; it takes a few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

import ganscope


class UNet(nn.Module):
    """Makes an image of an image (pix2pix: Isola et al. 2017, arXiv:1611.07004, in small)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 16, 4, stride=2, padding=1)  # (B, 3, 32, 32) → (B, 16, 16, 16)
        self.bottom = nn.Sequential(
            nn.Conv2d(16, 32, 4, stride=2, padding=1),  # → (B, 32, 8, 8)
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # → (B, 16, 16, 16)
            nn.ReLU(),
        )
        self.up = nn.ConvTranspose2d(32, 3, 4, stride=2, padding=1)  # → (B, 3, 32, 32)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, 32, 32) → (B, 3, 32, 32)."""
        wide = torch.relu(self.down(images))
        joined = torch.cat([self.bottom(wide), wide], dim=1)  # the skip
        return torch.tanh(self.up(joined))


def main() -> None:
    """Trace it once on smooth random images, then draw it twice."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    torch.manual_seed(0)
    generator = UNet()
    coarse = torch.rand(4, 3, 4, 4) * 2 - 1
    images = nn.functional.interpolate(coarse, size=32, mode="bilinear")
    trace = ganscope.trace(generator, images)
    for theme in ("light", "print"):
        path = folder / f"unet-{theme}.svg"
        trace.diagram("flow", theme=theme, sample=1).savefig(path)
        print(f"Wrote {path}")


if __name__ == "__main__":
    main()
