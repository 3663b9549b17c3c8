"""Every objective trains both models for 200 steps, and its own critic's measure improves.

The measure is how far real and generated images are apart for the critic: its loss with the sign
turned, without the penalty. After training it is smaller than before, for a critic that begins as
the run's own and learns for 100 updates more against the one generator, which stands still, or
against the other. Three things that suggest themselves measure something else:

- What the last critic answers on the untrained generator's images. It has not seen such for 200
  steps and may say anything (Wasserstein objectives too: the paper's distance is that of a critic
  trained to optimality against the generator in question; Arjovsky et al. 2017, section 3).
- The loss during training, which for all but the Wasserstein objectives says who is ahead.
- The divergence as it is. Real and generated images lie apart, so a critic separates either
  generator's without a fault and Jensen-Shannon is log 2 for both (Arjovsky & Bottou 2017,
  arXiv:1701.04862, theorems 2.1 to 2.3). Noise on real and generated images alike makes the
  distributions overlap and the divergence tell near from far (section 3 there); so here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganscope.training import begin, metrics, objective_names
from ganscope.training.data import load_images
from ganscope.training.feed import digest
from ganscope.training.images import Images, to_range
from ganscope.training.loop import Watcher, run
from ganscope.training.objectives import find_objective
from ganscope.training.opening import open_session
from ganscope.training.processes import Processes
from ganscope.training.runs import open_run, untrained
from ganscope.training.session import Place
from ganscope.training.settings import Settings, write_settings
from ganscope.training.step import update_discriminator

pytestmark = pytest.mark.slow
STEPS = 200
UPDATES = 100
NOISE = 3.0
"""Standard deviation, where pixels go from -1 to 1: an image is some 15 to 27 from another."""
HELD_OUT = 1000


@pytest.mark.parametrize("model", ["gan", "dcgan"])
@pytest.mark.parametrize("name", objective_names())
def test_two_hundred_steps(
    name: str, model: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    images = load_images(None, (1, 28, 28))
    objective = find_objective(name)
    settings = Settings(
        model=model,
        arguments={"base_channels": 16} if model == "dcgan" else {},
        objective=name,
        images=len(images),
        digest=digest(images),
        batch=32,
        steps=STEPS,
        d_steps=objective.d_steps,
        learning_rate=objective.learning_rate,
        betas=objective.betas,
        sample_interval=0,
    )
    write_settings(tmp_path, settings, {})
    place = Place(tmp_path, torch.device("cpu"), Processes())
    session = open_session(settings, images, place, resume=False)
    outcome = run(session, Watcher(), lambda: False)
    assert (outcome.why, outcome.bad_step) == ("done", None)

    rows = metrics.read_rows(tmp_path / metrics.FILE)
    assert len(rows) == STEPS
    begun, ended = rows[0].d_loss, sum(row.d_loss for row in rows[-20:]) / 20
    before = distance(tmp_path, images, untrained(settings).generator)
    after = distance(tmp_path, images, open_run(tmp_path).gan.generator)
    record_property("D loss", f"{begun:.3f} → {ended:.3f}")
    record_property("distance by its critic", f"{before:.4f} → {after:.4f}")
    assert ended < begun
    assert after < before


def distance(folder: Path, images: Images, generator: nn.Module) -> float:
    """How far real images and a generator's are apart for the run's critic, trained against it."""
    trained = open_run(folder)
    settings = trained.settings
    gan = replace(trained.gan, generator=generator.train())  # as the critic sees it in training
    gan.discriminator.train()
    training = begin(
        gan, settings.objective, learning_rate=settings.learning_rate, betas=settings.betas
    )
    numbers = torch.Generator().manual_seed(3)  # the same ones for either generator

    def noisy(first: int, last: int, count: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(first, last, (count,), generator=numbers)
        real = to_range(images.pixels[chosen])
        with torch.no_grad():
            fake = generator(torch.randn(count, *gan.latent_shape, generator=numbers))
        noise = (NOISE * torch.randn(real.shape, generator=numbers) for _ in range(2))
        return real + next(noise), fake + next(noise)

    learned = len(images) - HELD_OUT
    for _ in range(UPDATES):
        mixture = torch.rand(64, generator=numbers)
        update_discriminator(training, *noisy(0, learned, 64), mixture)
    real, fake = noisy(learned, len(images), HELD_OUT)
    with torch.no_grad():
        loss = training.objective.real_loss(gan.discriminator(real))
        loss += training.objective.fake_loss(gan.discriminator(fake))
    return -float(loss)
