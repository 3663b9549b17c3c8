"""A score in words: what each figure says of a generator, what it means, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.views import style
from ganscope.views.scores.report import (
    CONFIDENCE,
    DIVERSITY,
    LIKELIHOOD,
    Measured,
    Report,
    Subject,
)

DIGITS = "digits"
PAPERS = "the paper's"
_DECIMALS = {LIKELIHOOD: 1, DIVERSITY: 1, CONFIDENCE: 3}


def unit(report: Report, name: str) -> str:
    """What a figure is counted in."""
    return {LIKELIHOOD: "nats", DIVERSITY: f"of {report.batch}", CONFIDENCE: "0.1 to 1"}[name]


def written(name: str, figure: Measured | None) -> str:
    """A figure with its standard error: ``249.3 ± 6.8``."""
    if figure is None:
        return style.NOTHING
    decimals = _DECIMALS[name]
    text = f"{figure.value:,.{decimals}f}"
    if figure.error is None:
        return text
    error = f"{figure.error:.{decimals}f}"
    return f"{text} ± {error}" if float(error) else f"{text} ± <{10.0**-decimals:.{decimals}f}"


def verdict(report: Report, subject: Subject, name: str) -> tuple[str, str]:
    """What a figure says of a generator, and the style of the palette that suits it."""
    if name == LIKELIHOOD:
        return _likelihood(report, subject), ""
    if name == DIVERSITY:
        return _diversity(report, subject)
    if name == DIGITS:
        return _digits(report, subject)
    assert report.real.confidence is not None
    return f"real digits get {report.real.confidence.value:.3f}; knowing nothing is 0.1", ""


def _likelihood(report: Report, subject: Subject) -> str:
    others = [(report.real.likelihood, report.real.label)]
    if report.paper is not None:
        others.append((report.paper, PAPERS))
    parts = []
    for place, (other, name) in enumerate(others):
        far = subject.likelihood.value - other.value
        nats = "" if place else " nats"
        parts.append(f"{abs(far):,.0f}{nats} {'below' if far < 0 else 'above'} {name}")
    return ", ".join(parts)


def _diversity(report: Report, subject: Subject) -> tuple[str, str]:
    share = f"{style.format_share(report.share(subject))} of {report.real.label}"
    collapsed = report.collapsed(subject)
    if collapsed is None:
        return f"{share}; no threshold was set for these images", ""
    limit = f"below {style.format_share(report.threshold)} counts as collapsed"
    if collapsed:
        return f"✗ mode collapse: {share}; {limit}", "warning"
    return f"● no mode collapse: {share}; {limit}", "explanation"


def _digits(report: Report, subject: Subject) -> tuple[str, str]:
    missing = report.missing(subject)
    there = [digit for digit in range(len(subject.digits)) if digit not in missing]
    if not missing:
        return "● all ten are there", "explanation"
    if not there:
        return "✗ none of the ten is there", "warning"
    if len(there) < len(missing):
        return f"✗ only {_listed(there)} {'are' if len(there) > 1 else 'is'} there", "warning"
    return f"✗ {_listed(missing)} {'are' if len(missing) > 1 else 'is'} missing", "warning"


def _listed(digits: Sequence[int]) -> str:
    *first, last = map(str, digits)
    return f"{', '.join(first)} and {last}" if first else last


def bars(report: Report) -> str:
    """What the bars mean."""
    return f"how far from the untrained generator (empty) to {report.real.label} (full)"


def meanings(report: Report) -> Iterator[tuple[str, str]]:
    """What each figure is, in a sentence, under its name."""
    yield (
        LIKELIHOOD,
        f"how likely {report.test:,} test images are, were each sample the centre of a Gaussian "
        "whose width validation images choose (Parzen window; Goodfellow et al. 2014, section 5); "
        "higher is better",
    )
    yield (
        DIVERSITY,
        f"how many of a batch of {report.batch} images are different in effect: 1 where all are "
        "the same, all of them where no two are alike (Vendi score; Friedman & Dieng 2023)",
    )
    if report.real.confidence is not None:
        yield (
            CONFIDENCE,
            "how sure a small classifier is of the likeliest digit, on average; it gets "
            f"{report.accuracy:.1%} of test digits right; one digit drawn well, always, gets 1",
        )
        yield (
            DIGITS,
            "the share of images taken for each digit with a confidence of 0.5 or more, the rest "
            f"under none; a digit below {style.format_share(report.least)} counts as missing",
        )
    yield "±", "standard error: across test images, batches, and samples"
