"""Losses with their parts, and who was reached by the backward runs that began at them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ganscope.analysis.losses import sum_of, used_later
from ganscope.traces import Backward, Loss, Step, Update
from ganscope.traces.expressions import shortened
from ganscope.views import style
from ganscope.views.steps.cast import joined, numeral

_NUMBER = re.compile(r" #\d+$")
_MOST_VALUES = 4


def loss_texts(update: Update) -> list[str]:
    """``g_loss 0.673``, ``d_loss 0.616 = (real_loss 0.518 + fake_loss 0.713) / 2``.

    Losses of one name, as gradients are accumulated, share a line.
    """
    by_name: dict[str, list[Loss]] = {}
    for loss in update.losses:
        by_name.setdefault(loss.name, []).append(loss)
    return [_of_one_name(name, losses) for name, losses in by_name.items()]


def _of_one_name(name: str, losses: Sequence[Loss]) -> str:
    values = [style.format_number(loss.value) for loss in losses]
    shown = ", ".join(values[:_MOST_VALUES]) + (", …" if len(values) > _MOST_VALUES else "")
    times = f"{len(values)} × " if len(values) > 1 else ""
    parts = made_of(losses[0]) if len(losses) == 1 else ""
    return f"{times}{short_name(name)} {shown}{parts}"


def short_name(name: str) -> str:
    """A name of a loss; one that is a whole expression in the user's code loses its end."""
    plain = style.printable(name)
    number = _NUMBER.search(plain)
    return shortened(plain) if number is None else shortened(plain[: number.start()]) + number[0]


def made_of(loss: Loss) -> str:
    """``= a 0.5 + b 0.7`` where that sum is the loss, else ``from a 0.5, b 0.7``."""
    if not loss.parts:
        return ""
    named = [f"{short_name(part.name)} {style.format_number(part.value)}" for part in loss.parts]
    found = sum_of(loss)
    if found is None:
        return " from " + ", ".join(named)
    signs, share = found
    words = named[0] if signs[0] > 0 else f"− {named[0]}"
    for sign, text in zip(signs[1:], named[1:], strict=True):
        words += f" {'+' if sign > 0 else '−'} {text}"
    return f" = {words}" if share == 1 else f" = ({words}) / {share}"


def backward_texts(step: Step, update: Update) -> Iterator[str]:
    """``backward reached generator (16 parameter tensors) and, unused, discriminator (6)``.

    Runs that reached the same share a line, where the same became of what they left.
    """
    alike: dict[tuple[object, ...], list[Backward]] = {}
    for run in update.backwards:
        asked = run.loss if run.kind == "grad" else None  # a line that names it holds no other
        fates = tuple(_fates(step, update, run).items())
        alike.setdefault((run.kind, asked, tuple(run.reached.items()), fates), []).append(run)
    for runs in alike.values():
        yield _runs(runs, _fates(step, update, runs[0]))


def _runs(runs: Sequence[Backward], fates: Mapping[str, str]) -> str:
    first = runs[0]
    name = "autograd.grad" if first.kind == "grad" else "backward"
    if first.kind == "grad":
        name += f" of {short_name(first.loss)}" if first.loss else ""
    if len(runs) > 1:
        name = f"{len(runs)} × {name}"
    if not first.reached:
        nobody = "took a gradient and left none in any parameter"
        return f"{name} {nobody if first.kind == 'grad' else 'reached no parameter'}"
    groups: dict[str, list[str]] = {fate: [] for fate in ("", *fates.values())}
    unit = True
    for fate, counts in groups.items():
        for network in (one for one in first.reached if fates[one] == fate):
            counts.append(_count(network, first.reached[network], unit=unit))
            unit = False
    return f"{name} reached {_with_fates(groups)}"


def _with_fates(groups: Mapping[str, Sequence[str]]) -> str:
    """``generator (16) and, unused, discriminator (6)``; ``critic (4), used in ②``."""
    plain = joined(groups[""]) if groups[""] else ""
    others = {fate: joined(counts) for fate, counts in groups.items() if fate}
    if plain and len(others) == 1:
        return "".join(f"{plain} and, {fate}, {counts}" for fate, counts in others.items())
    told = [f"{counts}, {fate}" for fate, counts in others.items()]
    return "; ".join([plain, *told] if plain else told)


def _count(network: str, tensors: int, *, unit: bool) -> str:
    """``generator (16 parameter tensors)``; the unit is said once."""
    noun = f" parameter tensor{'' if tensors == 1 else 's'}" if unit else ""
    return f"{style.printable(network)} ({style.format_count(tensors)}{noun})"


def _fates(step: Step, update: Update, run: Backward) -> dict[str, str]:
    """What became of the gradients of each network, empty where this update used them."""
    later = used_later(step, update, run)
    return {network: "" if used is None else _fate(used) for network, used in later.items()}


def _fate(later: Sequence[int]) -> str:
    return f"used in {joined([numeral(index) for index in later])}" if later else "unused"
