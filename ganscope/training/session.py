"""A run in memory, and where and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ganscope.training.averaging import Average
from ganscope.training.checkpoint import Progress
from ganscope.training.feed import Feed
from ganscope.training.processes import Processes
from ganscope.training.settings import Settings
from ganscope.training.step import Training
from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a run is to go on.

    Attributes:
        folder: The run's, which is there.
        device: What it computes on.
        processes: This process among others.
        stop_on_nan: Whether it ends at the first figure that is no number.
    """

    folder: Path
    device: torch.device
    processes: Processes
    stop_on_nan: bool = False


@dataclass(slots=True)
class Session:
    """A run in memory.

    Attributes:
        settings: What it was asked for.
        folder: Where it is kept.
        gan: The networks themselves, without wrappers.
        training: The networks as they are run, and what trains them.
        average: Of the generator, if one is kept.
        feed: Images and noise.
        processes: This process among others.
        progress: How far it has come.
        stop_on_nan: Whether it ends at the first figure that is no number.
    """

    settings: Settings
    folder: Path
    gan: GAN
    training: Training
    average: Average | None
    feed: Feed
    processes: Processes
    progress: Progress
    stop_on_nan: bool = False

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.settings.total(self.feed.steps_per_epoch)
