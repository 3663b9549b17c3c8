"""A step under the recorder against the same step unobserved."""

from __future__ import annotations

import copy

import pytest
import torch

from ganscope import zoo
from ganscope.subjects.step import observe_step
from ganscope.traces import Step
from ganscope.training import begin, real_images, train_step
from ganscope.training.step import Training


def _made(model: str, batch: int) -> tuple[Training, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    training = begin(zoo.build(model))
    images = real_images(None, batch, training.gan.image_shape)
    z = torch.randn(batch, *training.gan.latent_shape)
    return training, images, z


@pytest.mark.parametrize(("model", "batch"), [("gan", 64), ("dcgan", 8)])
def test_the_observed_step_trains_as_the_bare_one(model: str, batch: int) -> None:
    bare, images, z = _made(model, batch)
    losses = train_step(bare, images, z)
    observed, images, z = _made(model, batch)
    trace, _ = observe_step(observed, images, z)
    assert trace.meta.completeness == "complete", trace.meta.notes
    for network in ("generator", "discriminator"):
        states = (getattr(training.gan, network).state_dict() for training in (bare, observed))
        for (name, one), (_, other) in zip(*(state.items() for state in states), strict=True):
            assert torch.equal(one, other), name
    updates = trace.steps[0].updates
    assert [update.losses[0].value for update in updates] == [
        losses.generator_loss.item(),
        losses.discriminator_loss.item(),
    ]


def _step() -> Step:
    training, images, z = _made("gan", 64)
    trace, _ = observe_step(training, images, z, seed=0)
    return trace.steps[0]


def test_the_step_is_two_updates_by_name() -> None:
    step = _step()
    first, second = step.updates
    assert [each.name for each in first.optimizers] == ["generator_optimizer"]
    assert [each.name for each in second.optimizers] == ["discriminator_optimizer"]
    assert (first.networks, second.networks) == (("generator",), ("discriminator",))
    assert [loss.name for update in step.updates for loss in update.losses] == ["g_loss", "d_loss"]
    assert [part.name for part in second.losses[0].parts] == ["real_loss", "fake_loss"]
    assert first.backwards[0].reached == {"generator": 16, "discriminator": 6}
    assert second.backwards[0].reached == {"discriminator": 6}
    fates = {(e.network, e.backward): (e.tensors, e.fate, e.update) for e in step.ledger}
    assert fates == {
        ("generator", 0): (16, "used", 0),
        ("discriminator", 0): (6, "cleared", 1),
        ("discriminator", 1): (6, "used", 1),
    }


def test_every_call_belongs_to_its_update() -> None:
    step = _step()
    roots = [c for c in step.calls if c.kind == "module" and c.parent is None]
    assert [(call.label, call.update) for call in roots] == [
        ("generator", 0),
        ("discriminator", 0),
        ("adversarial_loss", 0),
        ("discriminator #2", 1),
        ("adversarial_loss #2", 1),
        ("discriminator #3", 1),
        ("adversarial_loss #3", 1),
    ]


def test_the_discriminator_is_asked_before_and_after() -> None:
    step = _step()
    before, after = step.judgements
    answers = [c.outputs[0].stats for c in step.calls if c.path == "discriminator"]
    assert all(stats is not None for stats in answers)
    assert before.moment == "before"
    assert before.fake == pytest.approx(answers[0].mean, rel=1e-6)  # type: ignore[union-attr]
    assert before.real == pytest.approx(answers[1].mean, rel=1e-6)  # type: ignore[union-attr]
    assert after.real > before.real
    assert after.accuracy_real >= before.accuracy_real
    assert step.split is not None
    assert step.split.total_norm > 0


def test_the_most_misjudged_images_come_first() -> None:
    training, images, z = _made("gan", 64)
    gan = copy.deepcopy(training.gan)
    _, misjudged = observe_step(training, images, z, most=5)
    with torch.no_grad():
        real = gan.discriminator(images).flatten()
        fake = gan.discriminator(gan.generator(z)).flatten()
    assert list(misjudged.real_verdicts) == pytest.approx(real.sort().values[:5].tolist())
    assert list(misjudged.fake_verdicts) == pytest.approx(
        fake.sort(descending=True).values[:5].tolist()
    )
    assert torch.equal(misjudged.real[0], images[real.argmin()])
    assert misjudged.fake.shape == (5, 1, 28, 28)
