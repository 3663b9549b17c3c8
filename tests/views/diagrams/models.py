"""Networks to draw, and a training to record."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

import ganscope
from ganscope.cli import step_run
from ganscope.cli import trace as trace_verb
from ganscope.cli.subject import Request
from ganscope.traces import Trace


@cache
def traced(target: str, model: str = "gan") -> Trace:
    """A built-in network, as ``ganscope diagram`` traces it."""
    return trace_verb.observed(Request(target, model, None, None, 16, 0, "cpu", quiet=True))


@cache
def stepped(model: str = "gan") -> Trace:
    """A training step of a built-in GAN."""
    return step_run.observed(Request("generator", model, None, None, 16, 0, "cpu", quiet=True))


class ConvolutionalUpsamplingBlockWithSpectrallyNormalisedWeights(nn.Linear):
    """Has a wide name."""


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, values: Tensor) -> Tensor:
        return torch.relu(values + self.second(torch.relu(self.first(values))))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.middle = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.up = nn.ConvTranspose2d(16, 3, 4, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        inner = torch.relu(self.down(images))
        return torch.tanh(self.up(torch.cat([torch.relu(self.middle(inner)), inner], 1)))


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.model = nn.Embedding(10, 6), nn.Linear(16, 9)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.model(torch.cat([z, self.embed(labels)], 1)).view(-1, 1, 3, 3)


class TwoHeads(nn.Module):
    """A discriminator that also says which class it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
        self.adversarial = nn.Sequential(nn.Linear(64, 1), nn.Sigmoid())
        self.auxiliary = nn.Sequential(nn.Linear(64, 10), nn.Softmax(1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        inner = self.trunk(images)
        return self.adversarial(inner), self.auxiliary(inner)


class DeepUNet(nn.Module):
    """Two skips, one inside the other, and nine stages that change the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, 1) for before, after in ((3, 4), (4, 8), (8, 16))
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1)
            for before, after in ((16, 8), (16, 4), (8, 3))
        )

    def forward(self, images: Tensor) -> Tensor:
        seen = [images]
        for layer in self.down:
            seen.append(torch.relu(layer(seen[-1])))
        inner = torch.relu(self.up[0](seen[3]))
        inner = torch.relu(self.up[1](torch.cat([inner, seen[2]], 1)))
        return torch.tanh(self.up[2](torch.cat([inner, seen[1]], 1)))


class LongDiscriminator(nn.Sequential):
    """Three layers more at each of five sizes."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((3, 4, 8, 16, 32, 64)):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
            for _ in range(3):
                layers += [nn.Conv2d(after, after, 3, 1, 1), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(64 * 4, 1))


class Scaled(nn.Module):
    """Works with parameters of its own by operations alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(6)), nn.Parameter(torch.zeros(6))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.scale + self.shift


class Voice(nn.Module):
    """Makes a signal out of noise."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(10, 32 * 16)
        self.up = nn.Sequential(
            nn.ConvTranspose1d(32, 8, 8, 4, 2), nn.ReLU(), nn.ConvTranspose1d(8, 1, 8, 4, 2)
        )

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.up(torch.relu(self.first(z)).view(-1, 32, 16)))


@cache
def chain(stages: int, *, wide_names: bool = False) -> Trace:
    """A network of so many stages behind its input, of changing widths."""
    torch.manual_seed(0)
    kind = ConvolutionalUpsamplingBlockWithSpectrallyNormalisedWeights if wide_names else nn.Linear
    widths = [100 if place == 0 else 48 + 64 * (place % 5) for place in range(stages + 1)]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [kind(before, after), nn.LeakyReLU(0.2)]
    return ganscope.trace(nn.Sequential(*layers), torch.randn(4, 100))


@cache
def branching(name: str) -> Trace:
    """A network with more than a plain chain of vectors or images in it."""
    torch.manual_seed(0)
    network, *inputs = _branching(name)
    return ganscope.trace(network, *inputs)


def _branching(name: str) -> tuple[nn.Module, *tuple[Tensor, ...]]:
    volumes = nn.Sequential(nn.ConvTranspose3d(4, 8, 4), nn.ReLU(), nn.Conv3d(8, 1, 3, 1, 1))
    return {
        "unet": (UNet(), torch.randn(2, 3, 16, 16)),
        "deep unet": (DeepUNet(), torch.randn(2, 3, 32, 32)),
        "two heads": (TwoHeads(), torch.randn(3, 1, 8, 8)),
        "long": (LongDiscriminator(), torch.randn(2, 3, 64, 64)),
        "conditional": (Conditional(), torch.randn(4, 10), torch.arange(4)),
        "residual": (nn.Sequential(nn.Linear(8, 8), Residual(8)), torch.randn(4, 8)),
        "scaled": (nn.Sequential(nn.Linear(4, 6), Scaled()), torch.randn(2, 4)),
        "voice": (Voice(), torch.randn(2, 10)),
        "volumes": (volumes, torch.randn(2, 4, 1, 1, 1)),
    }[name]


def train(
    path: Path,
    steps: int = 8,
    *,
    samples: bool = True,
    every: int = 1,
    broken: int | None = None,
    no_grad: bool = False,
) -> Trace:
    """A recording of a small GAN with a critic.

    Args:
        path: Where to.
        steps: How many are recorded.
        samples: Whether real values are kept.
        every: Every which step is recorded.
        broken: In which step the generator's loss is NaN and moves nothing, if in any.
        no_grad: Whether the critic's images are made under ``torch.no_grad``.
    """
    torch.manual_seed(0)
    netG = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
    critic = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
    g_optimizer = torch.optim.Adam(netG.parameters(), 0.01)
    d_optimizer = torch.optim.Adam(critic.parameters(), 0.01)
    with ganscope.record(path, samples=samples, every=every):
        for step in range(steps * every):
            with torch.set_grad_enabled(not no_grad):
                fake = netG(torch.randn(4, 6))
            shown = fake if no_grad else fake.detach()
            critic_loss = critic(shown).mean() - critic(torch.rand(4, 1, 4, 4)).mean()
            d_optimizer.zero_grad()
            critic_loss.backward()
            d_optimizer.step()
            gen_loss = -critic(netG(torch.randn(4, 6))).mean()
            g_optimizer.zero_grad()
            if step == broken:
                gen_loss = gen_loss * torch.nan
            gen_loss.backward()
            if step == broken:
                netG.zero_grad()
            g_optimizer.step()
    return ganscope.load(path)
