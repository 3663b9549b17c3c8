"""Records the small training steps that the tests of the views are made of.

``python -m tests.views.record_steps`` writes them anew into ``data/``: the walkthrough's step, and
one of a loop with a gradient penalty, two updates of D first, and a sample grid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Trace

DATA = Path(__file__).parent / "data"
BATCH, LATENT, SIDE = 8, 6, 4


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(LATENT, 12),
            nn.BatchNorm1d(12, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(12, SIDE * SIDE),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.model(z)
        return image.view(-1, 1, SIDE, SIDE)


class Discriminator(nn.Module):
    def __init__(self, *, critic: bool = False) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            nn.Linear(SIDE * SIDE, 10),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(10, 1),
        ]
        self.model = nn.Sequential(*parts, *([] if critic else [nn.Sigmoid()]))

    def forward(self, image: Tensor) -> Tensor:
        verdict: Tensor = self.model(image.view(image.size(0), -1))
        return verdict


def walkthrough(steps: int = 2) -> Trace:
    """The generator first, the same images detached for the discriminator."""
    torch.manual_seed(0)
    generator, discriminator = Generator(), Discriminator()
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    adversarial_loss = nn.BCELoss()
    valid, fake = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    with ganscope.record() as recorder:
        for _ in range(steps):
            imgs = torch.rand(BATCH, 1, SIDE, SIDE) * 2 - 1
            optimizer_G.zero_grad()
            z = torch.randn(BATCH, LATENT)
            gen_imgs = generator(z)
            g_loss = adversarial_loss(discriminator(gen_imgs), valid)
            g_loss.backward()
            optimizer_G.step()
            optimizer_D.zero_grad()
            real_loss = adversarial_loss(discriminator(imgs), valid)
            fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
            d_loss = (real_loss + fake_loss) / 2
            d_loss.backward()
            optimizer_D.step()
    return recorder.trace


def penalty(steps: int = 2) -> Trace:
    """A critic with a gradient penalty, updated twice, and samples that feed no loss."""
    torch.manual_seed(0)
    netG, netD = Generator(), Discriminator(critic=True)
    opt_D = torch.optim.RMSprop(netD.parameters(), lr=0.001)
    opt_G = torch.optim.RMSprop(netG.parameters(), lr=0.001)
    with ganscope.record() as recorder:
        for _ in range(steps):
            for _ in range(2):
                real = torch.rand(BATCH, 1, SIDE, SIDE) * 2 - 1
                opt_D.zero_grad()
                fake = netG(torch.randn(BATCH, LATENT)).detach()
                alpha = torch.rand(BATCH, 1, 1, 1)
                blend = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
                verdict = netD(blend)
                (slope,) = torch.autograd.grad(verdict.sum(), blend, create_graph=True)
                gp = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
                d_loss = netD(fake).mean() - netD(real).mean() + 10 * gp
                d_loss.backward()
                opt_D.step()
            opt_G.zero_grad()
            g_loss = -netD(netG(torch.randn(BATCH, LATENT))).mean()
            g_loss.backward()
            opt_G.step()
            with torch.no_grad():
                netG(torch.randn(3, LATENT))
    return recorder.trace


def _without_places(plain: Any) -> Any:
    """The same data without the folders of this machine."""
    if isinstance(plain, dict):
        return {
            key: Path(value).name if key == "file" else _without_places(value)
            for key, value in plain.items()
        }
    return [_without_places(each) for each in plain] if isinstance(plain, list) else plain


def _smaller(plain: Any) -> Any:
    """The same data without histograms and first values."""
    if isinstance(plain, dict):
        left_out = {"histogram": None, "preview": []}
        return {key: left_out.get(key, _smaller(value)) for key, value in plain.items()}
    return [_smaller(each) for each in plain] if isinstance(plain, list) else plain


def main() -> Iterator[Path]:
    """Write every recording; its last step alone."""
    for loop in (walkthrough, penalty):
        plain = _without_places(loop().to_dict())
        plain["steps"] = plain["steps"][-1:]
        plain = _smaller(plain) if loop is penalty else plain
        path = DATA / f"{loop.__name__}.json"
        path.write_text(json.dumps(plain, separators=(",", ":"), allow_nan=False) + "\n")
        yield path


if __name__ == "__main__":
    print(*main(), sep="\n")  # noqa: T201
