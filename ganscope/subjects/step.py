"""One training step of a GAN under the recorder, with the discriminator asked before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ganscope.probe.recording import Recording
from ganscope.traces import GradientSplit, Judgement, Trace
from ganscope.training.objectives import Objective
from ganscope.training.step import Training, as_batches, train_step
from ganscope.training.verdicts import Verdicts, judge, split_gradient


@dataclass(frozen=True, slots=True, eq=False)
class Misjudged:
    """The images that the discriminator misjudged most before the step, the worst first.

    Attributes:
        real: (n, C, H, W), the real images it trusted least.
        real_verdicts: Its answers to them.
        fake: (n, C, H, W), the generated images it trusted most.
        fake_verdicts: Its answers to them.
    """

    real: Tensor
    real_verdicts: tuple[float, ...]
    fake: Tensor
    fake_verdicts: tuple[float, ...]


def observe_step(
    training: Training,
    images: Tensor | Sequence[Tensor],
    z: Tensor | Sequence[Tensor],
    *,
    seed: int | None = None,
    command: str = "ganscope step",
    notes: Sequence[str] = (),
    most: int = 8,
) -> tuple[Trace, Misjudged]:
    """Run one step and record it; the networks are trained by it as without us.

    Args:
        training: The GAN and its optimizers.
        images: (B, C, H, W) each, real images in [-1, 1], one batch for each update of the
            discriminator; asked about before and after are those of the first.
        z: (B, *latent_shape) each, the noise, `Training.noise_batches` batches.
        seed: The seed of weights and noise, for the record.
        command: What takes the trace.
        notes: What to say beside what the recorder notes.
        most: How many misjudged images of each kind to return.

    Returns:
        The trace of the step, held in memory, and the images.
    """
    images, z = as_batches(images), as_batches(z)
    before = judge(training, images[0], z[0])
    split = split_gradient(training, images[0], z[0])
    with Recording(samples=True, command=command, seed=seed, manual=True) as recording:
        train_step(training, images, z)
        recording.next_step()
    after = judge(training, images[0], z[0])
    trace = recording.trace
    judgements = tuple(
        _judgement(moment, verdicts, training.objective)
        for moment, verdicts in (("before", before), ("after", after))
    )
    parts = GradientSplit("discriminator", split.real, split.fake, split.total, split.angle)
    steps = tuple(replace(step, judgements=judgements, split=parts) for step in trace.steps)
    meta = replace(trace.meta, notes=(*notes, *trace.meta.notes), mode="train")
    return replace(trace, meta=meta, steps=steps), _misjudged(before, images[0], most)


def _judgement(moment: str, verdicts: Verdicts, objective: Objective) -> Judgement:
    """With shares only where an answer by itself says whether an image is taken for real."""
    real = fake = None
    threshold = objective.threshold
    if threshold is not None:
        real = float((verdicts.real > threshold).double().mean())
        fake = float((verdicts.fake <= threshold).double().mean())
    return Judgement(
        moment,
        float(verdicts.real.double().mean()),
        float(verdicts.fake.double().mean()),
        real,
        fake,
        objective.gives_probabilities,
    )


def _misjudged(verdicts: Verdicts, images: Tensor, most: int) -> Misjudged:
    real = verdicts.real.argsort()[:most]
    fake = verdicts.fake.argsort(descending=True)[:most]
    return Misjudged(
        images[real].cpu(),
        tuple(verdicts.real[real].tolist()),
        verdicts.images[fake].cpu(),
        tuple(verdicts.fake[fake].tolist()),
    )
