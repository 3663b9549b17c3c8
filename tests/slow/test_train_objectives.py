"""Every objective trains both models for 200 steps, and its discriminator's own loss falls.

The trained discriminator also rates the trained generator above the untrained one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ganscope.training import metrics, objective_names
from ganscope.training.data import load_images
from ganscope.training.feed import digest
from ganscope.training.loop import Watcher, run
from ganscope.training.objectives import find_objective
from ganscope.training.opening import open_session
from ganscope.training.processes import Processes
from ganscope.training.runs import draw, open_run, untrained
from ganscope.training.session import Place
from ganscope.training.settings import Settings, write_settings

pytestmark = pytest.mark.slow
STEPS = 200


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
    trained = open_run(tmp_path)
    critic = trained.gan.discriminator.train()
    latent = trained.gan.latent_shape

    def liked(generator: nn.Module) -> float:
        with torch.no_grad():
            return float(critic(draw(generator, latent, 200, seed=1)).mean())

    before = liked(untrained(settings).generator.eval())
    after = liked(trained.gan.generator)
    record_property("D loss", f"{begun:.3f} → {ended:.3f}")
    record_property("D(G(z)) of the trained critic", f"{before:.3f} → {after:.3f}")
    assert ended < begun
    assert after > before
