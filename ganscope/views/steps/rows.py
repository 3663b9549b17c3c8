"""The rows of an update's table: one per module, with its activation, gradient and weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.backward_path import loss_runs
from ganscope.analysis.forwards import UNTOLD, Forward
from ganscope.analysis.weights import Weights, weights_of
from ganscope.traces import Call, ParameterUpdate, TensorRecord, TensorStats, Update
from ganscope.traces.call import main_output, outermost_of
from ganscope.views import style
from ganscope.views.options import ViewOptions
from ganscope.views.steps.story import Story


@dataclass(frozen=True, slots=True)
class StepRow:
    """One call in an update, or a module that was moved without a call.

    Attributes:
        path: Of the module.
        name: As it is shown, relative to what stands above it.
        depth: Levels above it, for the indentation.
        call: The call; None where there was none in this update.
        gradient: Figures of the gradient that arrived at its output.
        weights: What the optimizer did to its weights, at the first call of each module.
        shown: What a discriminator was shown, on the row of its outermost call.
        is_network: Whether it stands for a whole network.
        is_heading: Whether its own figures are those of a row below it.
        alike: How many calls are like this one and not shown.
        ran_in: Index of the earlier update in which it ran; None where it ran in this one.
    """

    path: str
    name: str
    depth: int
    call: Call | None
    gradient: TensorStats | None = None
    weights: Weights | None = None
    shown: str = ""
    is_network: bool = False
    is_heading: bool = False
    alike: int = 0
    ran_in: int | None = None

    @property
    def output(self) -> TensorRecord | None:
        """The output that the row is shown by."""
        return main_output(self.call) if self.call else None

    @property
    def stats(self) -> TensorStats | None:
        """Figures of `output`."""
        return self.output.stats if self.output else None

    @property
    def is_op(self) -> bool:
        """Whether it is a functional operation."""
        return self.call is not None and self.call.kind == "op"

    @property
    def is_sick(self) -> bool:
        """Whether its output or any of its gradients holds NaN or infinite values."""
        figures = (self.stats, self.gradient)
        sick = any(each is not None and each.nonfinite for each in figures)
        return sick or (self.weights is not None and self.weights.nonfinite > 0)


@dataclass(frozen=True, slots=True)
class Block:
    """Calls that are shown below one another: a forward of a network, or what else was called.

    Attributes:
        forward: The network's call, whether it is shown or not; None outside any network.
        calls: What is shown of it.
        alike: How many forwards are like this one and not shown.
        ran_in: Index of the earlier update in which it ran; None where it ran in this one.
    """

    forward: Forward | None
    calls: tuple[Call, ...]
    alike: int = 0
    ran_in: int | None = None


def update_rows(story: Story, update: Update) -> tuple[StepRow, ...]:
    """The rows of an update.

    Args:
        story: Its step.
        update: The update, with the parameters that are asked for.
    """
    own = loss_runs(update)
    blocks = _blocks(story, update.index, own)
    homes = _Homes(update.parameters, blocks)
    rows = [row for block in blocks for row in _block_rows(block, homes, own, story.options)]
    return (*rows, *_moved_without_call(homes.left))


def other_rows(story: Story) -> tuple[StepRow, ...]:
    """The rows of calls that belong to no update.

    Those of an update that failed are always shown, the others where every call is asked for.
    """
    homes = _Homes((), ())
    blocks = _blocks(story, None, set())
    if not story.options.show_calls:
        failed = {one.call.id for one in story.unfinished}
        blocks = [block for block in blocks if block.forward and block.forward.call.id in failed]
    return tuple(row for block in blocks for row in _block_rows(block, homes, set(), story.options))


def _blocks(story: Story, update: int | None, own: set[int]) -> list[Block]:
    """What ran in an update, and what its backward ran back through though it ran before.

    Forwards that are alike are shown once.
    """
    groups: dict[int, list[Call]] = {}
    outermost = outermost_of(story.shown.calls)
    for call in story.shown.calls:
        groups.setdefault(outermost[call.id], []).append(call)
    blocks = []
    for top, calls in groups.items():
        ran, forward = calls[0].update, story.owners.get(top)
        if ran == update:
            blocks.append(Block(forward, tuple(calls)))
        elif forward is not None and _took_part(calls, own):
            blocks.append(Block(forward, tuple(calls), ran_in=ran))
    if story.options.show_calls:
        return blocks
    alike: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        first, forward = block.calls[0], block.forward
        if forward is not None:
            shapes = tuple(record.shape for record in first.inputs)
            apart = first.id if forward.shown == UNTOLD else None
            key = (first.path, forward.shown, shapes, block.ran_in, apart)
            alike.setdefault(key, []).append(block)
    return [replace(same[0], alike=len(same) - 1) for same in alike.values()]


def _took_part(calls: Sequence[Call], own: set[int]) -> bool:
    """Whether a backward of these brought gradients to any of the calls."""
    return any(each.backward in own for call in calls for each in call.gradients)


class _Homes:
    """Which row each parameter belongs to: the nearest module that is shown, at its first call.

    Args:
        parameters: Those of the update.
        blocks: What is shown.
    """

    def __init__(self, parameters: Sequence[ParameterUpdate], blocks: Sequence[Block]) -> None:
        first: dict[str, int] = {}
        for block in blocks:
            for call in block.calls:
                if call.kind == "module" and call.path:
                    first.setdefault(call.path, call.id)
        self._of_call: dict[int, list[ParameterUpdate]] = {}
        self.left: list[ParameterUpdate] = []
        """Parameters of modules that no call shows."""
        for parameter in parameters:
            path = _nearest(parameter.name, first)
            if path is None:
                self.left.append(parameter)
            else:
                self._of_call.setdefault(first[path], []).append(parameter)

    def of(self, call: Call) -> list[ParameterUpdate]:
        """The parameters that stand in the row of a call."""
        return self._of_call.get(call.id, [])


def _nearest(name: str, paths: dict[str, int]) -> str | None:
    path = name
    while path:
        path = path.rpartition(".")[0]
        if path in paths:
            return path
    return None


def _block_rows(
    block: Block, homes: _Homes, own: set[int], options: ViewOptions
) -> Iterator[StepRow]:
    containers = {call.parent for call in block.calls if call.parent is not None}
    depths: dict[int | None, int] = {None: -1}
    for call in block.calls:
        depth = depths[call.id] = depths.get(call.parent, -1) + 1
        parameters = homes.of(call)
        says_nothing = depth > 0 and call.id in containers and not parameters
        if says_nothing and not options.show_calls:
            continue
        is_network = block.forward is not None and call.id == block.forward.call.id
        yield StepRow(
            path=call.path,
            name=_name(call, block),
            depth=depth if options.show_calls else min(depth, 1),
            call=call,
            gradient=_gradient(call, own),
            weights=weights_of(call.path, parameters),
            shown=block.forward.shown if block.forward and is_network else "",
            is_network=is_network,
            is_heading=is_network and call.id in containers and not options.show_calls,
            alike=block.alike if depth == 0 else 0,
            ran_in=block.ran_in if depth == 0 else None,
        )


def _name(call: Call, block: Block) -> str:
    """Relative to the network, where that stands above it."""
    if not call.path:
        return style.printable(call.type)
    network = block.calls[0].path
    for joint in "./":
        if call.network == network and call.path.startswith(network + joint):
            return style.printable(call.path[len(network) + 1 :])
    return style.printable(call.label)


def _gradient(call: Call, own: set[int]) -> TensorStats | None:
    """Of the shown output: the last one that a backward of this update brought."""
    output = main_output(call)
    place = next((i for i, record in enumerate(call.outputs) if record is output), 0)
    arrived = [each for each in call.gradients if each.output == place and each.backward in own]
    return arrived[-1].stats if arrived else None


def _moved_without_call(parameters: Sequence[ParameterUpdate]) -> Iterator[StepRow]:
    """Rows for modules whose weights moved though they were not called in this update."""
    modules: dict[str, list[ParameterUpdate]] = {}
    for one in parameters:
        modules.setdefault(one.name.rpartition(".")[0] or one.name, []).append(one)
    for path, group in modules.items():
        yield StepRow(path, style.printable(path), 0, None, weights=weights_of(path, group))
