"""Random programs of operations that alias, overwrite and re-read each other's memory.

The oracle is the program itself: around each operation it clones what goes in and what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from tests.probe.helpers import Net, assert_figures, calls, run

Operation = Callable[[Tensor], Any]

FRESH: dict[str, Operation] = {
    "add": lambda x: x + 1,
    "neg": lambda x: -x,
    "relu": F.relu,
    "clone": lambda x: x.clone(),
    "mul": lambda x: 0.5 * x,
    "cat": lambda x: torch.cat([x, x]),
    "double": lambda x: x.double(),
    "gt": lambda x: x > 0,
    "half": lambda x: x.half(),
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to(torch.float32),
}
VIEWS: dict[str, Operation] = {
    "view": lambda x: x.view(x.shape),
    "reshape": lambda x: x.reshape(-1),
    "getitem": lambda x: x[: max(1, x.shape[0] // 2)],
    "step": lambda x: x[::2],
    "T": lambda x: x.mT if x.dim() > 1 else x[:, None],
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.squeeze(),
    "chunk": lambda x: x.chunk(2),
    "detach": lambda x: x.detach(),
    "expand": lambda x: x.expand(2, *x.shape),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
    "data": lambda x: x.data,
}
CHANGES: dict[str, Operation] = {
    "add_": lambda x: x.add_(2) if x.dtype != torch.bool else None,
    "zero_": lambda x: x.zero_(),
    "mul_": lambda x: x.__imul__(3) if x.dtype != torch.bool else None,
    "setitem": lambda x: x.__setitem__(0, 5),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2, inplace=True) if x.is_floating_point() else None,
    "fill_": lambda x: x.fill_(1),
    "abs_": lambda x: x.abs_() if x.dtype != torch.bool else None,
}
MENU = {**FRESH, **VIEWS, **CHANGES}


def _clones(value: Any) -> list[Tensor]:
    parts = value if isinstance(value, tuple | list) else [value]
    return [part.detach().clone() for part in parts if isinstance(part, Tensor)]


class Program:
    """Runs steps (which operation, on which tensor made so far) and keeps what it saw."""

    def __init__(self, steps: list[tuple[str, int]]) -> None:
        self.steps = steps
        self.seen: list[tuple[str, Tensor, Tensor]] = []

    def __call__(self, net: Any, x: Tensor) -> Tensor:
        pool = [x]
        for name, index in self.steps:
            source = pool[index % len(pool)]
            with torch._C.DisableTorchFunction():
                kept = source.clone()
                expanded = any(stride == 0 for stride in source.stride())
            if source.numel() == 0 or (name in CHANGES and expanded):
                continue
            result = MENU[name](source)
            made = result if isinstance(result, tuple | list) else [result]
            pool += [part for part in made if isinstance(part, Tensor)]
            pool = pool[-6:]
            del made, result
            looked = net.look(pool[-1])
            with torch._C.DisableTorchFunction():
                self.seen.append((name, kept, looked.clone()))
            net.look(source)
            with torch._C.DisableTorchFunction():
                self.seen.append(("source", kept, source.clone()))
        return x


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(MENU)), st.integers(0, 5)), min_size=1, max_size=12),
    st.sampled_from([(4, 6), (1, 5), (40, 500), (7,)]),
    st.integers(0, 99),
)
def test_every_figure_is_of_its_moment(
    steps: list[tuple[str, int]], shape: tuple[int, ...], seed: int
) -> None:
    torch.manual_seed(seed)
    program = Program(steps)
    trace = run(Net(program, look=nn.Identity()), torch.randn(shape))
    looked = [c for c in calls(trace) if c.path == "net.look"]
    assert len(looked) == len(program.seen)
    for record, (_, _, expected) in zip(looked, program.seen, strict=True):
        assert_figures(record.inputs[0], expected)
        assert_figures(record.outputs[0], expected)
        preview = expected.reshape(-1)[:8].tolist()
        assert list(record.inputs[0].preview) == preview


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(VIEWS)),
    st.sampled_from(sorted(MENU)),
    st.sampled_from([(4, 6), (1, 5), (40, 500)]),
)
def test_an_operations_inputs_are_from_before_and_its_outputs_from_after(
    first: str, second: str, shape: tuple[int, ...]
) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        made = VIEWS[first](x.sin())
        made = made[0] if isinstance(made, tuple) else made
        with torch._C.DisableTorchFunction():
            if second in CHANGES and 0 in made.stride():
                return x
            before.extend(_clones(made))
        self.mark()
        result = MENU[second](made)
        with torch._C.DisableTorchFunction():
            after.extend(_clones(made if result is None else result))
        return x

    before: list[Tensor] = []
    after: list[Tensor] = []
    trace = run(Net(forward, mark=Net(lambda self: None)), torch.randn(shape))
    names = [c.path for c in calls(trace)]
    if "net.mark" not in names:
        return
    operations = [c for c in calls(trace)[names.index("net.mark") + 1 :] if c.kind == "op"]
    operations = [c for c in operations if c.outputs]
    if not operations:
        return
    assert_figures(operations[0].inputs[0], before[0])
    for record, expected in zip(operations[-1].outputs, after, strict=True):
        assert_figures(record, expected)
