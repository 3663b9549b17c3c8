"""None, truth values, numbers and texts beside tensors: they are no news."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganscope.traces import TensorRecord
from ganscope.traces.call import main_output
from ganscope.traces.tensor import OBJECT
from ganscope.traces.tensor import PLAIN as PLAIN_VALUE
from ganscope.views import ViewOptions
from ganscope.views.columns import notes_of
from ganscope.views.forms import output_shape, shapes
from ganscope.views.present import to_text
from ganscope.views.rows import Row, rows_of

from .builders import call, tensor, trace_of
from .steps import recorded, with_calls


def no_tensor(what: str) -> TensorRecord:
    return TensorRecord(
        shape=None,
        dtype=None,
        device=None,
        requires_grad=False,
        stats=None,
        note=f"{what}: no tensor",
        kind=OBJECT if what.startswith("a ") else PLAIN_VALUE,
    )


PLAIN = [no_tensor(what) for what in ("None", "True", "1e-05", "3", "'a text'")]


def row_of(inputs: list[TensorRecord], outputs: list[TensorRecord]) -> Row:
    (row,) = rows_of([call(0, "net", inputs=tuple(inputs), outputs=tuple(outputs))])
    return row


def test_only_tensors_are_counted_and_shown() -> None:
    row = row_of([tensor(4, 2), *PLAIN], [PLAIN[0], tensor(4, 3), *PLAIN])
    assert shapes(row) == "4×2 → 4×3"
    assert output_shape(row) == "→ 4×3"
    assert main_output(row.call) is row.call.outputs[1]
    two = row_of([tensor(4, 2), *PLAIN, tensor(4, 5)], [tensor(4), PLAIN[1], tensor(5)])
    assert shapes(two) == "4×2 + 4×5 → 4 + 5"
    assert output_shape(two) == "→ 2 tensors"
    assert shapes(row_of(PLAIN, PLAIN)) == "– → –"
    beside = with_calls(recorded(), lambda one: replace(one, outputs=(*one.outputs, *PLAIN)))
    assert to_text(beside, ViewOptions()) == to_text(recorded(), ViewOptions())


def test_they_are_not_among_what_was_not_seen() -> None:
    made = replace(tensor(4, 3), note="only a part was looked at")
    records = (tensor(4, 2), *PLAIN, no_tensor("a Normal"))
    text = to_text(trace_of(call(0, "net", inputs=records, outputs=(made, *PLAIN))), ViewOptions())
    _, _, notes = text.partition("note ")
    assert [line.strip() for line in notes.splitlines()] == [
        "net: a Normal: no tensor",
        "net: only a part was looked at",
    ]


@pytest.mark.parametrize("plain", PLAIN)
def test_alone_one_says_why_there_is_no_shape(plain: TensorRecord) -> None:
    assert notes_of(row_of([tensor(4, 2)], [plain])) == [plain.note]
    assert notes_of(row_of([tensor(4, 2)], [tensor(4, 3), plain])) == []
