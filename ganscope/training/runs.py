"""A run that was trained: opened from its folder, with its networks."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ganscope.errors import RunError, TargetError
from ganscope.training import metrics
from ganscope.training.checkpoint import FILE, Checkpoint, Progress, read_checkpoint
from ganscope.training.settings import Settings, read_settings
from ganscope.training.setup import seeded
from ganscope.zoo import GAN

AVERAGED = "averaged_generator"
_CHUNK = 500
"""Images drawn at once: a batch of 10,000 would fill the memory with activations."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A trained run.

    Attributes:
        folder: Where it lies.
        settings: What it was asked for.
        progress: How far it has come.
        gan: The networks as they were last kept, on the CPU, in evaluation mode.
        averaged: The average of the generator, likewise; None where none was kept.
    """

    folder: Path
    settings: Settings
    progress: Progress
    gan: GAN
    averaged: nn.Module | None

    @property
    def images_seen(self) -> int:
        """Real images that the discriminator was shown, in all processes."""
        return self.progress.step * self.settings.images_in_a_step


def open_run(folder: Path) -> Run:
    """The run in a folder, with its networks as they were last kept.

    The global random state is not touched.

    Raises:
        RunError: It holds no run, a damaged one, one without a checkpoint yet, or a checkpoint
            of another model.
    """
    settings = read_settings(folder)
    checkpoint = read_checkpoint(folder)
    if checkpoint is None:
        raise RunError(
            f"'{folder}' holds a run without a {FILE} yet; go on with it: "
            f"ganscope train --resume {folder}"
        )
    gan = untrained(settings, folder)
    load_networks(gan, checkpoint, folder)
    averaged = None
    if settings.ema:
        averaged = copy.deepcopy(gan.generator)
        load_network(averaged, checkpoint, AVERAGED, folder)
        averaged.eval()
    gan.generator.eval()
    gan.discriminator.eval()
    return Run(folder, settings, checkpoint.progress, gan, averaged)


def untrained(settings: Settings, folder: Path | None = None) -> GAN:
    """The GAN as the run began with it, on the CPU, in train mode.

    The global random state is not touched.

    Args:
        settings: The run's.
        folder: The run's, to be named in the message.

    Raises:
        RunError: There is no such model, objective or argument.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            return seeded(settings.objective, settings.model, settings.arguments, settings.seed)
        except TargetError as error:
            where = f"'{folder}': " if folder is not None else ""
            raise RunError(f"{where}{error}; the run's settings cannot be built here") from None


def load_networks(gan: GAN, checkpoint: Checkpoint, folder: Path) -> None:
    """Bring both networks to what the checkpoint holds.

    Raises:
        RunError: It is of another model; the networks may then be half loaded.
    """
    load_network(gan.generator, checkpoint, "generator", folder)
    load_network(gan.discriminator, checkpoint, "discriminator", folder)


def load_network(network: nn.Module, checkpoint: Checkpoint, name: str, folder: Path) -> None:
    """Bring a network to what the checkpoint holds under `name`.

    Raises:
        RunError: There is nothing of that name, or it is of another model.
    """
    state, expected = checkpoint.part(name), network.state_dict()
    if not state:
        raise RunError(f"'{folder / FILE}' holds no {name}; it does not belong to this run")
    wrong = [key for key in {**expected, **state} if _shape(state, key) != _shape(expected, key)]
    if wrong:
        here, wanted = _shape(state, wrong[0]), _shape(expected, wrong[0])
        raise RunError(
            f"'{folder / FILE}' is of another model than '{folder / 'run.json'}' says: "
            f"{name}.{wrong[0]} is {here or 'missing'}, expected {wanted or 'nothing of that name'}"
        )
    network.load_state_dict(state)


def draw(
    generator: nn.Module, latent_shape: tuple[int, ...], count: int, *, seed: int = 0
) -> Tensor:
    """Images that a generator makes of noise, in the mode in which it stands.

    Args:
        generator: (B, *latent_shape) → (B, C, H, W).
        latent_shape: Of one noise vector.
        count: How many images.
        seed: Of the noise, which a smaller `count` has a beginning of.

    Returns:
        (count, C, H, W), on the CPU, in [-1, 1].
    """
    numbers = torch.Generator().manual_seed(seed)
    device = next(generator.parameters()).device
    drawn = []
    with torch.no_grad():
        for start in range(0, count, _CHUNK):
            rows = min(_CHUNK, count - start)
            z = torch.stack([torch.randn(latent_shape, generator=numbers) for _ in range(rows)])
            drawn.append(generator(z.to(device)).float().cpu())
    return torch.cat(drawn)


def require_finite(images: Tensor, whose: str, folder: Path | None) -> None:
    """Refuse images that cannot be shown or scored.

    Args:
        images: (n, C, H, W), as drawn.
        whose: Whose generator made them.
        folder: The run's, whose table tells more; None without one.

    Raises:
        RunError: Some of them hold NaN or infinite numbers.
    """
    bad = int((~images.flatten(1).isfinite().all(dim=1)).sum())
    if not bad:
        return
    table = None if folder is None else folder / metrics.FILE
    rows = metrics.read_rows(table) if table is not None and table.is_file() else []
    first = next((row.step for row in rows if row.bad), None)
    since = "" if first is None else f"; its losses are no numbers from step {first:,} on ({table})"
    raise RunError(
        f"the generator of {whose} makes NaN or infinite numbers in {bad:,} of {len(images):,} "
        f"images{since}; train anew, as with a smaller --learning-rate"
    )


def _shape(state: dict[str, Tensor], key: str) -> str:
    if key not in state:
        return ""
    return "×".join(map(str, state[key].shape)) or "one number"
