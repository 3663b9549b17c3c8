"""A score in words: what each figure says of a generator, what it means, what differs."""

from __future__ import annotations

from collections.abc import Iterator

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
    parts = [_beside(subject.likelihood.value, report.real.likelihood.value, report.real.label)]
    if report.paper is not None:
        parts.append(_beside(subject.likelihood.value, report.paper.value, PAPERS))
    return ", ".join(parts)


def _beside(value: float, other: float, name: str) -> str:
    return f"{abs(value - other):,.0f} nats {'below' if value < other else 'above'} {name}"


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
    if not missing:
        return "● all ten are there", "explanation"
    if len(missing) == len(subject.digits):
        return "✗ none of the ten is there", "warning"
    there = [str(digit) for digit in range(len(subject.digits)) if digit not in missing]
    gone = ", ".join(map(str, missing))
    return f"✗ {gone} {'are' if len(missing) > 1 else 'is'} missing; there: {', '.join(there)}", (
        "warning"
    )


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
            f"{report.accuracy:.1%} of test digits right, and 1 says nothing of diversity",
        )
        yield (
            DIGITS,
            "the share of images taken for each digit with a confidence of 0.5 or more, the rest "
            f"under none; a digit below {style.format_share(report.least)} counts as missing",
        )
    yield "±", "standard error: across test images, batches, and samples"
