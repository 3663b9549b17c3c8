"""What stands above and below a table, as plain text: whose pass it was, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganscope.analysis.path_search import path_through
from ganscope.traces import Call, CallSite, Step, Trace, Update
from ganscope.traces.call import main_output
from ganscope.views import style
from ganscope.views.describe import describe_type
from ganscope.views.rows import Row, nonfinite_in, nonfinite_words, rows_of

_MOST_FLOWS = 6
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line; `style` is a name in the palette."""

    label: str
    text: str
    style: str = ""


_MODES = {"train": "train mode", "eval": "eval mode", "mixed": "train and eval mode mixed"}


def title(trace: Trace) -> tuple[str, ...]:
    """Network, class, parameters and circumstances, in parts that one separator joins."""
    meta = trace.meta
    mode = () if meta.mode is None else (_MODES.get(meta.mode, meta.mode),)
    seed = () if meta.seed is None else (f"seed {meta.seed}",)
    networks = [
        f"{network.name} ({network.type}"
        + (f", {network.wrapper}" if network.wrapper else "")
        + f"), {style.count_of(network.parameters, 'parameter')}"
        for network in trace.networks
    ] or ["no network seen"]
    return tuple(style.printable(part) for part in (*networks, *mode, meta.device, *seed) if part)


def flows(calls: Sequence[Call], width: int) -> Iterator[Line]:
    """The shapes along the innermost calls, one line per outermost module call.

    The batch dimension is left out where every shape has it; what does not fit into `width`
    is left out from the middle. Each says whose it is where there are several, or where parts of
    a network are shown without it and it is not that of all.
    """
    every = _chains(rows_of(calls))
    chains = [chain for chain in every if len(chain[1]) > 1]
    are_parts = any(call.parent is None and call.path != call.network != "" for call in calls)
    named = len(chains) > 1 or (are_parts and len(every) > 1)
    for label, shapes in chains[:_MOST_FLOWS]:
        lead = f"{label}: " if named else ""
        yield Line("flow", lead + _join_flow(_without_batch(shapes), width - len(lead)))
    if len(chains) > _MOST_FLOWS:
        yield Line("flow", f"… and {len(chains) - _MOST_FLOWS} more", "quiet")


def totals(trace: Trace, shown: Trace) -> Line:
    """Parameters, calls and time of the whole trace.

    Args:
        trace: As it was taken.
        shown: As passes left it.
    """
    calls = [call for step in trace.steps for call in step.calls]
    if not calls and not trace.networks:
        return Line("total", "nothing was recorded")
    left = sum(len(step.calls) for step in shown.steps)
    count = style.count_of(len(calls), "call")
    parts = [
        style.count_of(sum(network.parameters for network in trace.networks), "parameter"),
        count if left == len(calls) else f"{style.format_count(left)} of {count} shown",
    ]
    outermost = [call.seconds for call in calls if call.parent is None]
    known = [seconds for seconds in outermost if seconds is not None]
    if known and len(known) == len(outermost):
        parts.append(style.format_seconds(sum(known)))
    return Line("total", " · ".join(parts))


def unseen(trace: Trace) -> Iterator[Line]:
    """What could not be seen, and every note; notes that many calls share are said once."""
    if trace.meta.completeness != "complete":
        yield Line("seen", style.printable(trace.meta.completeness), "warning")
    for note in trace.meta.notes:
        yield Line("note", style.printable(note))
    shared: dict[str, list[str]] = {}
    for step in trace.steps:
        for call in step.calls:
            records = (*call.inputs, *call.outputs)
            tensors = (record.note for record in records if not record.is_plain)
            for note in dict.fromkeys(note for note in (call.note, *tensors) if note):
                shared.setdefault(note, []).append(call.title)
    for note, labels in shared.items():
        yield Line("note", style.printable(f"{_some(labels)}: {note}"))


def nonfinite(trace: Trace) -> Iterator[Line]:
    """Where NaN or infinite values came up first: what follows has them from there."""
    for step in trace.steps:
        found = _first_in(step)
        if found is None:
            continue
        lead = f"step {step.index}, " if len(trace.steps) > 1 else ""
        text = style.printable(f"first non-finite values: {lead}{found}")
        yield Line("⚠ NaN/∞", text, "warning")
        return


def _first_in(step: Step) -> str | None:
    """In the values of the updates' layers, then in their gradients, update by update."""
    for update in step.updates:
        calls = [call for call in step.calls if call.update == update.index]
        found = _first_nonfinite(calls) or _first_gradient(step.calls, update)
        if found:
            return found
    return _first_nonfinite(step.calls)


def _first_gradient(calls: Sequence[Call], update: Update) -> str | None:
    """A backward comes to the layers in the reverse of their order."""
    runs = {run.id for run in update.backwards}
    for call in reversed(calls):
        for gradient in call.gradients:
            stats = gradient.stats
            if gradient.backward in runs and stats is not None and stats.nonfinite:
                return f"the gradient at {call.title} ({nonfinite_words(stats)})"
    sick = ((one.name, one.gradient) for one in update.parameters if one.gradient is not None)
    return next(
        (f"the gradient of {name} ({nonfinite_words(stats)})"
         for name, stats in sick if stats.nonfinite),
        None,
    )  # fmt: skip


def _first_nonfinite(calls: Sequence[Call]) -> str | None:
    """The innermost call that brought them out first, or the one into which they came."""
    given = next((call for call in calls if nonfinite_in(call.inputs)), None)
    made = _first_that_made_some(calls)
    if given is not None and (made is None or given.id <= made.id):
        return f"already in the input of {given.title}"
    if made is None:
        return None
    sick = next(record.stats for record in made.outputs if nonfinite_in([record]))
    words = f" ({nonfinite_words(sick)})" if sick else ""
    site = made.site if not made.path else None
    where = f", {Path(site.file).name}:{site.line}" if site else ""
    return f"{made.title}{words}{where}"


def _first_that_made_some(calls: Sequence[Call]) -> Call | None:
    """The first call with them in its output and in no call inside it.

    Of two such calls neither encloses the other, so the order of beginnings is that of ends.
    """
    sick = [call for call in calls if nonfinite_in(call.outputs)]
    parents = {call.id: call.parent for call in calls}
    around: set[int] = set()
    for call in sick:
        above = call.parent
        while above is not None and above not in around:
            around.add(above)
            above = parents.get(above)
    return next((call for call in sick if call.id not in around), None)


def failure(trace: Trace) -> Iterator[Line]:
    """Where and why the forward failed."""
    failed = trace.failure
    if failed is None:
        return
    call = failed_call(trace)
    if call is not None:
        label = style.printable(call.title)
        yield Line("✗ failed", f"{label} · {describe_type(call)}", "warning")
    else:
        after = len(trace.steps) and failed.step > trace.steps[-1].index
        when = f"after step {trace.steps[-1].index}, " if after else ""
        yield Line("✗ failed", f"{when}outside any call that was seen", "warning")
    if failed.got:
        yield Line("got", style.printable(failed.got))
    if failed.expected:
        yield Line("expects", style.printable(failed.expected))
    site = failed.site or (call.site if call else None)
    if site:
        yield Line("where", _place(site))
    yield Line("error", style.printable(failed.message))


def failed_call(trace: Trace) -> Call | None:
    """The innermost call that failed."""
    if trace.failure is None:
        return None
    for step in trace.steps:
        if step.index == trace.failure.step:
            return next((call for call in step.calls if call.id == trace.failure.call), None)
    return None


def _place(site: CallSite) -> str:
    code = f"  {site.code}" if site.code else ""
    return style.printable(f"{site.file}:{site.line}{code}")


def _some(labels: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(labels))
    named = ", ".join(distinct[:_MOST_NAMED])
    more = len(distinct) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _chains(rows: Sequence[Row]) -> list[tuple[str, list[tuple[int, ...]]]]:
    """Label of each outermost call → the shapes along the path through it.

    What joins the path (labels, noise, weights) is passed over. Where the path does not lead from
    the largest input to the output, nothing is shown.
    """
    groups: list[tuple[Row, list[Call]]] = []
    for row in rows:
        if row.depth == 0 or not groups:
            groups.append((row, []))
        groups[-1][1].append(row.call)
    return [(row.full_name, _shapes(row.call, calls)) for row, calls in groups]


def _shapes(outermost: Call, calls: Sequence[Call]) -> list[tuple[int, ...]]:
    path = path_through(outermost, calls)
    records = (path.start, *(main_output(link.call) for link in path.links))
    shapes = [record.shape for record in records if record and record.shape is not None]
    if path.start is None or path.broken or not _arrives(outermost, shapes):
        return []
    return [shape for index, shape in enumerate(shapes) if shape != shapes[index - 1] or not index]


def _arrives(call: Call, shapes: Sequence[tuple[int, ...]]) -> bool:
    output = main_output(call)
    return output is None or output.shape is None or shapes[-1:] == [output.shape]


def _without_batch(shapes: Sequence[tuple[int, ...]]) -> list[str]:
    first = shapes[0][:1]
    same = first and all(shape[:1] == first for shape in shapes)
    return [style.format_shape(shape[1:] if same else shape) for shape in shapes]


def _join_flow(shapes: Iterable[str], width: int) -> str:
    left = list(shapes)
    text = " → ".join(left)
    while len(text) > width and len(left) > 2:
        del left[len(left) // 2]
        middle = (len(left) + 1) // 2
        text = " → ".join([*left[:middle], "…", *left[middle:]])
    return text
