"""Trains one GAN by all processes that torchrun started, in float64, and keeps the weights.

``torchrun … two_processes.py FOLDER STEPS BATCH``. In double precision, since Adam turns the
rounding of single precision, in gradients near zero, into whole steps of the learning rate.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

from ganscope.training.feed import Feed, digest
from ganscope.training.images import Images
from ganscope.training.loop import Watcher, run
from ganscope.training.opening import open_session
from ganscope.training.processes import joined, processes_here
from ganscope.training.session import Place
from ganscope.training.settings import Settings


class Doubled(Feed):
    """The same numbers in double precision."""

    def step(
        self, index: int, epoch: int, batch: int
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        real, noise, mixture = (
            [values.double() for values in each] for each in super().step(index, epoch, batch)
        )
        return real, noise, mixture


def main(folder: Path, steps: int, batch: int) -> None:
    pixels = torch.randint(0, 256, (256, 1, 8, 8), generator=torch.Generator().manual_seed(3))
    images = Images(pixels.to(torch.uint8), None, "noise")
    torch.set_num_threads(1)
    with joined(processes_here(), torch.device("cpu")) as processes:
        settings = Settings(
            arguments={"batch_norm": False, "image_size": 8},
            objective="wgan-gp",
            d_steps=2,
            images=len(images),
            digest=digest(images),
            batch=batch,
            processes=processes.count,
            epochs=100,
            steps=steps,
            sample_interval=0,
        )
        torch.set_default_dtype(torch.float64)
        place = Place(folder, torch.device("cpu"), processes)
        session = open_session(settings, images, place, resume=False)
        session.feed.__class__ = Doubled
        outcome = run(session, Watcher(), lambda: False)
        assert outcome.why == "done"
        weights = [*session.gan.generator.parameters(), *session.gan.discriminator.parameters()]
        flat = torch.cat([weight.detach().flatten() for weight in weights])
        torch.save(flat, folder / f"{processes.count}-{processes.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
