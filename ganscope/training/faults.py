"""A figure that is no number, in words: which one, and which network was the first."""

from __future__ import annotations

import math

from ganscope.training.metrics import Row
from ganscope.training.step import Figures

_LOSSES = {"d_loss": "D loss", "g_loss": "G loss"}
_ANSWERS = {"d_real": "D(x)", "d_fake": "D(G(z))"}


def fault(row: Row, figures: Figures, began: int) -> str:
    """Why a step's figures are no numbers.

    Args:
        row: The figures, of which one at least is NaN or infinite.
        figures: What the step came to, on this process.
        began: The step that this process began at: what came before, it does not know.
    """
    images = bool(figures.first_generated.isfinite().all())
    answers = bool(figures.first_on_real.isfinite().all())
    where = f"step {row.step} (epoch {row.epoch}, batch {row.batch})"
    since = f"since its update in step {row.step - 1}" if row.step > began else "from the start on"
    if not images and not answers:
        first = f"neither network gives numbers, each {since}"
    elif not images:
        first = f"the generator was first: its images are no numbers {since}"
    elif not answers:
        first = f"the discriminator was first: its answers on real images are none {since}"
    else:
        first = "both networks still gave numbers when the step began"
    return f"{where}: {_which(row)}; {first}"


def _which(row: Row) -> str:
    """``D loss and G loss are nan``; of a step whose losses are numbers, what else is none."""
    for names in (_LOSSES, _ANSWERS):
        values = {words: getattr(row, name) for name, words in names.items()}
        bad = {words: f"{value}" for words, value in values.items() if not math.isfinite(value)}
        if len(bad) == 2 and len(set(bad.values())) == 1:
            return f"{' and '.join(bad)} are {next(iter(bad.values()))}"
        if bad:
            return ", ".join(f"{words} is {value}" for words, value in bad.items())
    return ""
