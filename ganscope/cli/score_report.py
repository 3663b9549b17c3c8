"""A score from a run, or from a model, to a report that the views know how to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ganscope import zoo
from ganscope.training.runs import Run, draw, open_run, require_finite, untrained
from ganscope.training.scores import Reference, Scores, evaluate, evaluate_real, to_scored
from ganscope.training.scores.classifier import TEST_ACCURACY
from ganscope.training.scores.confidence import THERE_FROM
from ganscope.training.scores.diversity import BATCH, COLLAPSED_BELOW
from ganscope.training.scores.parzen import PAPER
from ganscope.training.scores.reference import SHAPE
from ganscope.views import style
from ganscope.views.scores import Measured, Report, Subject

if TYPE_CHECKING:
    from ganscope.zoo import GAN

_REAL = "real"


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What is to be scored.

    Attributes:
        title: What it is, part by part.
        folder: The run's; None for a model that was not trained.
        model: The built-in model.
        gan: Tells the shapes.
        generators: (role, label, generator), the untrained one first.
        data: What it was trained on, as `load_images` knows it; None for the built-in digits.
        trained_on: How many images of that; 0 if it was not trained.
    """

    title: tuple[str, ...]
    folder: Path | None
    model: str
    gan: GAN
    generators: tuple[tuple[str, str, nn.Module], ...]
    data: str | None = None
    trained_on: int = 0


def of_run(folder: Path) -> Candidate:
    """A run's generator, its average if there is one, and the generator it began with.

    Raises:
        RunError: There is no such run, or it cannot be opened.
    """
    run = open_run(folder)
    first = untrained(run.settings, folder).generator.eval()
    generators = [("untrained", "untrained", first), ("generator", "this run", run.gan.generator)]
    if run.averaged is not None:
        generators.append(("averaged", "its average", run.averaged))
    settings = run.settings
    return Candidate(
        (str(folder), settings.model, settings.objective, _how_far(run)),
        folder,
        settings.model,
        run.gan,
        tuple(generators),
        settings.data,
        settings.images,
    )


def of_model(name: str, arguments: Mapping[str, object], seed: int) -> Candidate:
    """A built-in model with fresh weights from `seed`; the global random state is not touched.

    Raises:
        TargetError: There is no such model or argument.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gan = zoo.build(name, **arguments)
    generators = (("untrained", "untrained", gan.generator.eval()),)
    return Candidate((name, "before training"), None, name, gan, generators)


def measure(
    candidate: Candidate,
    reference: Reference,
    samples: int,
    *,
    seed: int,
    device: torch.device,
) -> Report:
    """Draw from every generator, score what it draws, and real images beside it.

    Raises:
        RunError: A generator makes NaN or infinite numbers.
        DataError: Its images cannot be brought to the shape that is scored.
    """
    subjects = []
    for role, label, generator in candidate.generators:
        drawn = draw(generator.to(device), candidate.gan.latent_shape, samples, seed=seed)
        require_finite(drawn, label, candidate.folder)
        subjects.append(_subject(role, label, samples, evaluate(to_scored(drawn), reference)))
    kind = "digits" if reference.are_digits else "images"
    real = evaluate_real(reference, samples)
    subjects.append(_subject(_REAL, f"real {kind}", real.likelihood.samples, real))
    return Report(
        title=(
            *candidate.title,
            f"{samples:,} samples",
            f"against {reference.source}",
            f"seed {seed}",
        ),
        run=None if candidate.folder is None else str(candidate.folder),
        model=candidate.model,
        seed=seed,
        data=reference.source,
        subjects=tuple(subjects),
        test=len(reference.test),
        batch=BATCH,
        threshold=COLLAPSED_BELOW if reference.are_digits else None,
        least=THERE_FROM,
        accuracy=TEST_ACCURACY,
        paper=Measured(*PAPER) if reference.are_digits else None,
        notes=tuple(_notes(candidate, reference, subjects, samples)),
    )


def _subject(role: str, label: str, images: int, scores: Scores) -> Subject:
    likelihood, diversity, sure = scores.likelihood, scores.diversity, scores.confidence
    return Subject(
        role=role,
        label=label,
        images=images,
        likelihood=Measured(likelihood.mean, likelihood.error),
        width=likelihood.width,
        at_edge=likelihood.at_edge,
        diversity=Measured(diversity.mean, diversity.error),
        confidence=None if sure is None else Measured(sure.mean, sure.error),
        judged=0 if sure is None else sum(sure.digits) + sure.unsure,
        digits=() if sure is None else sure.digits,
        unsure=0 if sure is None else sure.unsure,
    )


def _how_far(run: Run) -> str:
    progress = run.progress
    if progress.batch == 0:
        return style.count_of(progress.epoch, "epoch")
    return f"{style.count_of(progress.step, 'step')}, in epoch {progress.epoch + 1}"


# -- what is to be kept in mind ------------------------------------------------------------------


def _notes(
    candidate: Candidate, reference: Reference, subjects: list[Subject], samples: int
) -> Iterator[str]:
    if candidate.trained_on:
        yield from _seen(candidate, reference)
    if reference.are_digits:
        learned = f"{candidate.trained_on:,}" if candidate.trained_on else "none"
        yield (
            f"the paper's {PAPER[0]:.0f} ± {PAPER[1]:.0f} is of other networks, that learned from "
            "50,000 digits of MNIST, and of its 10,000 test digits under 10,000 samples; here "
            f"{learned} to learn from, {len(reference.test):,} test digits, {samples:,} samples"
        )
    real = subjects[-1]
    if real.images < samples:
        yield f"there are {real.images:,} {real.label} to stand in for {samples:,} samples"
    edge = [subject.label for subject in subjects if subject.at_edge]
    if edge:
        yield (
            f"for {' and '.join(edge)} the narrowest or the widest Gaussian tried fits best, so "
            "that one beyond it may fit better still"
        )
    if candidate.gan.image_shape != SHAPE:
        here, scored = style.format_shape(candidate.gan.image_shape), style.format_shape(SHAPE)
        yield f"images were brought from {here} to {scored} before they were scored"


def _seen(candidate: Candidate, reference: Reference) -> Iterator[str]:
    """Whether the test images are new to the run."""
    source = candidate.data or "digits"
    if reference.source == "digits" and source == "digits":
        yield (
            f"the {len(reference.test):,} test digits are among the {candidate.trained_on:,} that "
            "the run learned from, which flatters it; train with --data digits-8000 to keep them "
            "apart"
        )
    elif reference.source == "digits" and source == "mnist":
        yield "the built-in digits are from MNIST, so the run may have learned from them"
    elif not reference.are_digits and source == reference.source:
        yield "the test images are among those that the run learned from, which flatters it"
    elif reference.are_digits and source in ("digits-8000", reference.source):
        yield "the run learned from none of the test digits"
