"""What is said of a step as a whole: its title, and what belongs to no update."""

from __future__ import annotations

from collections.abc import Iterator

from ganscope.views import style, summary
from ganscope.views.steps.ledger import Remark
from ganscope.views.steps.story import Story


def title(story: Story) -> tuple[str, ...]:
    """``training step 12``, the networks and the circumstances, to be joined by a separator."""
    return (f"training step {story.step.index}", *summary.title(story.trace))


def evaluations(story: Story) -> Iterator[Remark]:
    """``evaluation: 1 call of generator fed no loss``."""
    trained = [call.id for call in story.step.calls if call.update is not None]
    start = min(trained, default=0)
    counts: dict[tuple[str, bool], int] = {}
    for forward in story.evaluations:
        key = forward.call.network, forward.call.id < start
        counts[key] = counts.get(key, 0) + 1
    for (network, is_before), count in counts.items():
        calls = style.count_of(count, "call")
        when = ", before the first update" if is_before else ""
        yield Remark(f"evaluation: {calls} of {style.printable(network)} fed no loss{when}")
