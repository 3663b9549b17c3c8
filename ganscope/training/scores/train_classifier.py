"""How the shipped classifier of digits was trained: a minute on one thread, repeatable.

    python -m ganscope.training.scores.train_classifier classifier.safetensors

It learns from the built-in digits' training part alone: shifted by up to two pixels and with
noise added, since a generator's digits are neither centred nor clean. A third of every batch is
no digit at all (noise, evenly grey, a digit with its pixels shuffled), and there every answer is
to be equally likely (outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606). Without that a
classifier is sure of itself on anything, an untrained generator's grey included.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganscope.files import write_whole
from ganscope.training.data import digits
from ganscope.training.parts import TEST, TRAINING, VALIDATION
from ganscope.training.scores.classifier import SIDE, DigitClassifier

EPOCHS = 30
BATCH = 128
LEARNING_RATE = 2e-3
SEED = 0
SHIFT = 2
NOISE = 0.3
"""Standard deviation, at most, of the noise added to a digit whose pixels are in [0, 1]."""


def train_classifier(
    images: Tensor, labels: Tensor, *, epochs: int = EPOCHS, seed: int = SEED
) -> DigitClassifier:
    """A classifier trained from scratch; on one thread the same seed gives the same weights.

    Args:
        images: (N, 1, 28, 28), digits, pixels in [0, 1].
        labels: int64, (N,), 0 to 9.
        epochs: How often all of them are shown.
        seed: Of the first weights, the order and the noise.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = DigitClassifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=LEARNING_RATE)
    batches = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * batches
    )
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(images), generator=random), BATCH):
            shown = _disturbed(images[rows], random)
            others = _no_digits(images[rows[: len(rows) // 2]], random)
            logits = classifier(torch.cat([shown, others]))
            told, unsure = torch.split(logits, [len(shown), len(others)])
            # The mean over classes of -log p is the cross entropy against "all equally likely".
            loss = F.cross_entropy(told, labels[rows]) - F.log_softmax(unsure, dim=1).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return classifier.eval()


def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of `images` (N, 1, 28, 28) whose likeliest class is their label."""
    with torch.no_grad():
        return float((classifier(images).argmax(dim=1) == labels).float().mean())


def built_in(part: slice) -> tuple[Tensor, Tensor]:
    """Digits of one part: (N, 1, 28, 28), pixels in [0, 1], and their labels, int64 (N,)."""
    pixels, labels = digits()
    images = torch.tensor(pixels[part]).unsqueeze(1).float().div_(255)
    return images, torch.tensor(labels[part]).long()


def _disturbed(images: Tensor, random: torch.Generator) -> Tensor:
    """Each image shifted by up to two pixels either way, with noise of a strength of its own."""
    count = len(images)
    padded = F.pad(images, [SHIFT] * 4)  # (B, 1, 28, 28) → (B, 1, 32, 32)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, count, 1), generator=random)  # (B, 1) each
    side = torch.arange(SIDE)
    rows, columns = (down + side)[:, :, None], (right + side)[:, None, :]
    shifted = padded[torch.arange(count)[:, None, None], 0, rows, columns].unsqueeze(1)
    strength = NOISE * torch.rand(count, 1, 1, 1, generator=random)
    return (shifted + strength * torch.randn(images.shape, generator=random)).clamp_(0, 1)


def _no_digits(images: Tensor, random: torch.Generator) -> Tensor:
    """As many images that are no digits: noise, grey, and shuffled pixels in turn."""
    shape = images.shape
    level, strength = torch.rand(2, len(images), 1, 1, 1, generator=random)
    noise = torch.randn(shape, generator=random)
    grey = level + 0.2 * strength * noise
    order = torch.rand(len(images), SIDE * SIDE, generator=random).argsort(dim=1)
    shuffled = images.flatten(1).gather(1, order).view(shape)
    kind = (torch.arange(len(images)) % 3).view(-1, 1, 1, 1)
    others = torch.where(kind == 0, level + strength * noise, grey)
    return torch.where(kind == 2, shuffled, others).clamp_(0, 1)


def main(arguments: list[str]) -> None:
    """Train, say how well it does on digits it has not seen, and write the weights."""
    from safetensors.torch import save

    if len(arguments) != 1:
        sys.exit("say where the weights go: … -m ganscope.training.scores.train_classifier FILE")
    path = Path(arguments[0])
    torch.set_num_threads(1)
    classifier = train_classifier(*built_in(TRAINING))
    for name, part in (("training", TRAINING), ("validation", VALIDATION), ("test", TEST)):
        share = accuracy(classifier, *built_in(part))
        sys.stdout.write(f"{name:<10}  {share:.2%} of {part.stop - part.start:,} digits right\n")
    write_whole(path, (save(classifier.state_dict()),))
    sys.stdout.write(f"Wrote {path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
