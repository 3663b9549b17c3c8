"""What a score has to say, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

LIKELIHOOD = "log-likelihood"
DIVERSITY = "diversity"
CONFIDENCE = "confidence"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its standard error, None where there is none."""

    value: float
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A set of images, and its figures.

    Attributes:
        role: ``generator``, ``averaged``, ``untrained`` or ``real``.
        label: What it is called: ``this run``, ``real digits``.
        images: How many there are.
        likelihood: Mean log-likelihood of a test image, in nats.
        width: The width of the Parzen window, in units of a pixel's range.
        at_edge: Whether a width beyond those that were tried may fit better.
        diversity: Different images in effect, in a batch.
        confidence: Mean probability of the likeliest digit; None where digits are not known.
        judged: How many images the classifier judged.
        digits: (10,), how many of them are taken for each digit; empty where not known.
        unsure: How many are taken for none.
    """

    role: str
    label: str
    images: int
    likelihood: Measured
    width: float
    at_edge: bool
    diversity: Measured
    confidence: Measured | None = None
    judged: int = 0
    digits: tuple[int, ...] = ()
    unsure: int = 0

    def figure(self, name: str) -> Measured | None:
        """The figure called `LIKELIHOOD`, `DIVERSITY` or `CONFIDENCE`."""
        if name == CONFIDENCE:
            return self.confidence
        return self.likelihood if name == LIKELIHOOD else self.diversity


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a score has to say.

    Attributes:
        title: What was scored, part by part.
        run: The run's folder; None for a model that was not trained.
        model: The built-in model.
        seed: Of the noise.
        data: The real images.
        subjects: What was measured, the untrained generator first and real images last.
        test: How many test images there are.
        batch: Images in a batch of the diversity figure.
        threshold: Share of real images' diversity below which a generator counts as collapsed;
            None where it was not set for these images.
        least: Share of all images from which a digit counts as being there.
        accuracy: Share of the test digits that the classifier gets right.
        paper: The log-likelihood that the paper reports; None where nothing can be beside it.
        notes: What is to be kept in mind, a sentence each.
    """

    title: tuple[str, ...]
    run: str | None
    model: str
    seed: int
    data: str
    subjects: tuple[Subject, ...]
    test: int
    batch: int
    threshold: float | None
    least: float
    accuracy: float
    paper: Measured | None
    notes: tuple[str, ...] = ()

    @property
    def real(self) -> Subject:
        """Real images, by which the others are measured."""
        return self.subjects[-1]

    @property
    def untrained(self) -> Subject:
        """The generator before training."""
        return self.subjects[0]

    @property
    def judged(self) -> tuple[Subject, ...]:
        """The generators, the untrained one only where it stands alone."""
        return self.subjects[1:-1] or self.subjects[:1]

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that there are."""
        known = self.real.confidence is not None
        return (LIKELIHOOD, DIVERSITY, CONFIDENCE) if known else (LIKELIHOOD, DIVERSITY)

    def share(self, subject: Subject) -> float:
        """A subject's diversity as a share of real images'."""
        return subject.diversity.value / self.real.diversity.value

    def collapsed(self, subject: Subject) -> bool | None:
        """Whether its diversity is below the threshold; None where there is no threshold."""
        return None if self.threshold is None else self.share(subject) < self.threshold

    def missing(self, subject: Subject) -> tuple[int, ...]:
        """The digits that are hardly among a subject's images."""
        least = self.least * subject.judged
        return tuple(digit for digit, count in enumerate(subject.digits) if count < least)

    def way(self, subject: Subject, name: str) -> float | None:
        """How far a figure is on the way from the untrained generator (0) to real images (1).

        None of the untrained one itself, and where there is no such figure.
        """
        if subject is self.untrained:
            return None
        here, start, end = (one.figure(name) for one in (subject, self.untrained, self.real))
        if here is None or start is None or end is None or end.value == start.value:
            return None
        return (here.value - start.value) / (end.value - start.value)
