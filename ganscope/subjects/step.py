"""One training step of a GAN under the recorder, with the discriminator asked before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ganscope.probe.recording import Recording
from ganscope.traces import GradientSplit, Judgement, Step, Trace
from ganscope.training.step import Training, train_step
from ganscope.training.verdicts import Split, Verdicts, judge, split_gradient

THRESHOLD = 0.5
"""Above it an image is taken for real."""


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
    images: Tensor,
    z: Tensor,
    *,
    seed: int | None = None,
    command: str = "ganscope step",
    notes: Sequence[str] = (),
    most: int = 8,
) -> tuple[Trace, Misjudged]:
    """Run one step and record it; the networks are trained by it as without us.

    Args:
        training: The GAN and its optimizers.
        images: (B, C, H, W), real images in [-1, 1].
        z: (B, *latent_shape), the noise.
        seed: The seed of weights and noise, for the record.
        command: What takes the trace.
        notes: What to say beside what the recorder notes.
        most: How many misjudged images of each kind to return.

    Returns:
        The trace of the step, held in memory, and the images.
    """
    before = judge(training.gan, images, z)
    split = split_gradient(training, images, z)
    with Recording(samples=True, command=command, seed=seed, manual=True) as recording:
        train_step(training, images, z)
        recording.next_step()
    after = judge(training.gan, images, z)
    trace = recording.trace
    steps = tuple(_measured(step, before=before, after=after, split=split) for step in trace.steps)
    meta = replace(trace.meta, notes=(*notes, *trace.meta.notes), mode="train")
    return replace(trace, meta=meta, steps=steps), _misjudged(before, images, most)


def _measured(step: Step, *, before: Verdicts, after: Verdicts, split: Split) -> Step:
    return replace(
        step,
        judgements=(_judgement("before", before), _judgement("after", after)),
        split=GradientSplit("discriminator", split.real, split.fake, split.total, split.angle),
    )


def _judgement(moment: str, verdicts: Verdicts) -> Judgement:
    return Judgement(
        moment,
        float(verdicts.real.double().mean()),
        float(verdicts.fake.double().mean()),
        float((verdicts.real > THRESHOLD).double().mean()),
        float((verdicts.fake <= THRESHOLD).double().mean()),
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
