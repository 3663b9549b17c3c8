"""How the threshold of the diversity figure was set: what real digits get, and what collapses.

    python -m ganscope.training.scores.threshold

Takes three minutes on one thread. Everything is drawn from the validation digits, which no
classifier and no generator here has learned from. What has collapsed is

- few real digits, each many times, with a generator's noise on them, and
- a dcgan that first learns as usual and then has its generator trained on alone, against a
  discriminator that stands still: the "Helvetica scenario" of Goodfellow et al. 2014
  (arXiv:1406.2661, section 6), in which too many values of z come to the same x.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ganscope import zoo
from ganscope.training.data import load_images
from ganscope.training.parts import TRAINING, VALIDATION
from ganscope.training.scores.diversity import BATCH, COLLAPSED_BELOW, diversity
from ganscope.training.scores.train_classifier import built_in
from ganscope.training.setup import begin
from ganscope.training.step import train_step

REAL_BATCHES = 100
FEW = (1, 2, 5, 10, 20, 50)
NOISE = 0.1
"""Standard deviation of the noise on few digits, whose pixels are in [0, 1]."""
ALONE_RATE = 2e-2
"""Learning rate of the generator on its own: the discriminator that stands still has few gradients
left for it, so a smaller one collapses too, only more slowly."""


def few_images(images: Tensor, count: int, random: torch.Generator) -> Tensor:
    """A batch of `count` of the images, each many times, with noise of its own every time."""
    chosen = images[torch.randperm(len(images), generator=random)[:count]]
    batch = chosen[torch.randint(count, (BATCH,), generator=random)]
    return (batch + NOISE * torch.randn(batch.shape, generator=random)).clamp(0, 1)


def real_batches(images: Tensor, random: torch.Generator) -> Iterator[Tensor]:
    """Batches drawn from the images without repeating one within a batch."""
    for _ in range(REAL_BATCHES):
        yield images[torch.randperm(len(images), generator=random)[:BATCH]]


def generated(generator: nn.Module, latent_shape: tuple[int, ...], seed: int = 1) -> Tensor:
    """A batch from a generator in evaluation mode, pixels in [0, 1]."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        images: Tensor = generator.eval()(torch.randn(BATCH, *latent_shape, generator=random))
    return (images + 1) / 2


def collapsing(epochs: int, steps: int, *, width: int = 32) -> Iterator[tuple[str, Tensor]]:
    """A dcgan before training, after it, and while its generator alone goes on.

    Yields:
        What was done, and a batch of what it makes then.
    """
    torch.manual_seed(0)
    gan = zoo.build("dcgan", base_channels=width)
    shape = gan.latent_shape
    yield "dcgan, untrained", generated(gan.generator, shape)
    images = load_images("digits", gan.image_shape)[TRAINING]
    training = begin(gan)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(images)), 64):
            gan.generator.train()
            train_step(training, images[rows], torch.randn(len(rows), *shape))
    yield f"dcgan, {epochs} epochs", generated(gan.generator, shape)
    optimizer = Adam(gan.generator.parameters(), lr=ALONE_RATE)
    for step in range(1, steps + 1):
        gan.generator.train()
        optimizer.zero_grad()
        loss: Tensor = -gan.discriminator(gan.generator(torch.randn(64, *shape))).log().mean()
        torch.autograd.backward(loss)
        optimizer.step()
        if step % (steps // 4) == 0:
            yield f"and {step} steps of G alone", generated(gan.generator, shape)


def main() -> None:
    """Print what everything gets, as a share of what real digits get."""
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    digits, _ = built_in(VALIDATION)
    real = torch.tensor([diversity(batch).mean for batch in real_batches(digits, random)])
    mean = float(real.mean())

    def say(name: str, score: float) -> None:
        word = "collapsed" if score / mean < COLLAPSED_BELOW else ""
        sys.stdout.write(f"{name:<32}{score:>8.1f}{score / mean:>8.3f}  {word}\n")

    sys.stdout.write(f"{'':<32}{'images':>8}{'share':>8}\n")
    for name, value in (("mean", mean), ("least", real.min()), ("most", real.max())):
        say(f"{REAL_BATCHES} batches of real, {name}", float(value))
    for count in FEW:
        worst = max(diversity(few_images(digits, count, random)).mean for _ in range(10))
        say(f"{count} real with noise, most of 10", worst)
    learned, classes = built_in(TRAINING)
    for digit in range(10):
        say(f"only {digit}", diversity(learned[classes == digit][:BATCH]).mean)
    for name, batch in collapsing(epochs=2, steps=200):
        say(name, diversity(batch).mean)


if __name__ == "__main__":
    main()
