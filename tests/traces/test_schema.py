"""The contract `ganscope.trace/1`: there and back without a loss, and one line for a refusal."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings

from ganscope import traces
from ganscope.errors import TraceFormatError
from ganscope.traces import (
    SCHEMA,
    Backward,
    BufferChange,
    Call,
    CallSite,
    Earlier,
    Event,
    Failure,
    Finding,
    Gradient,
    GradientSplit,
    Histogram,
    Judgement,
    LedgerEntry,
    Loss,
    LossPart,
    Meta,
    Network,
    Optimizer,
    ParameterUpdate,
    Samples,
    SourceText,
    Step,
    TensorRecord,
    TensorStats,
    Trace,
    Update,
)
from tests.traces.strategies import NOUNS, alike, of

# -- any trace ---------------------------------------------------------------------------------


def _there_and_back(trace: Trace) -> Trace:
    return Trace.from_dict(json.loads(json.dumps(trace.to_dict(), allow_nan=False)))


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(of(Trace))
def test_any_trace_comes_back_as_it_was(trace: Trace) -> None:
    assert alike(_there_and_back(trace), trace)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(of(TensorRecord))
def test_any_tensor_record_comes_back_as_it_was(record: TensorRecord) -> None:
    network = Network("net", "Net", "unknown", 0)
    site = CallSite("a.py", 1, "x")
    around = Call(
        0, None, None, "training", "op", "net", "net/x", "x", 1, (record,), (record,), 0, None, site
    )
    trace = Trace(META, (network,), (Step(0, (around,)),))
    assert alike(_there_and_back(trace), trace)


def test_odd_values_come_back() -> None:
    odd = (math.nan, math.inf, -math.inf, -0.0, 5e-324, True, False, 2**60, -3)
    record = dataclasses.replace(TENSOR, preview=odd, name="größe → ∞ 🙂 \x00\ud7ff")
    trace = dataclasses.replace(
        GOLDEN,
        steps=(dataclasses.replace(STEP, calls=(dataclasses.replace(CALL, inputs=(record,)),)),),
    )
    back = _there_and_back(trace).steps[0].calls[0].inputs[0]
    assert alike(back.preview, odd)
    assert back.name == record.name


# -- the contract's keys ------------------------------------------------------------------------

STATS = TensorStats(
    2, 0.5, 0.5, 0.0, 1.0, 1.0, 0.5, 0.5, 0, Histogram(0.0, 1.0, (1, *([0] * 30), 1), None)
)
TENSOR = TensorRecord(
    (1, 2),
    "float32",
    "cpu",
    False,
    STATS,
    None,
    (0.0, 1.0),
    Samples((0,), (1, 2), b"\x00\x00\x00<"),
    None,
    id=7,
    alias_of=5,
    changed_from=6,
    is_leaf=False,
    kind="tensor",
    earlier=Earlier("generator", 0.5),
    spread=0.25,
)
OPTIMIZER = Optimizer(
    name="opt_G",
    type="Adam",
    learning_rates=(0.0002,),
    betas=((0.5, 0.999),),
    momentum=(0.25,),
    weight_decay=(0.125,),
    holds=("generator.0.weight",),
)
CALL = Call(
    0,
    None,
    0,
    "training",
    "module",
    "generator",
    "generator.0",
    "Linear",
    1,
    (TENSOR,),
    (),
    6,
    0.25,
    CallSite("train.py", 7, "generator(z)"),
    (Gradient(0, 0, None),),
    "in_features=2",
    None,
    "train",
    recomputed=True,
    original=0,
    frozen_parameters=2,
    arguments={"in_features": 2, "slope": [0.5, {"input": 0}]},
    sequence=3,
    ended=4,
)
STEP = Step(
    0,
    (CALL,),
    (
        Update(
            0,
            (OPTIMIZER,),
            ("generator",),
            (Loss("g_loss", math.nan, 0, (LossPart("fool", 0.75),)),),
            (
                Backward(
                    id=0,
                    loss="g_loss",
                    kind="backward",
                    reached={"generator": 2},
                    create_graph=True,
                    retain_graph=False,
                    site=CallSite("train.py", 8, "g_loss.backward()"),
                    sequence=5,
                    ended=6,
                ),
            ),
            1.0,
            (
                ParameterUpdate(
                    name="generator.0.weight",
                    shape=(2, 2),
                    optimizer="opt_G",
                    gradient=None,
                    weight_norm=1.0,
                    update_norm=0.5,
                    update_ratio=0.5,
                    dtype="float32",
                    weight_min=(-1.0, -0.5),
                    weight_max=(0.5, None),
                    clipped_from=2.0,
                ),
            ),
            buffers=(BufferChange("generator.1.running_mean", 0.5, None),),
            changed_outside=("generator.0.weight",),
        ),
    ),
    (LedgerEntry("discriminator", 0, 2, "left", None),),
    (Judgement("before", 0.5, 0.25, 1.0, 0.75),),
    GradientSplit("discriminator", 3.0, 4.0, 5.0, 90.0),
    (Event(9, "exit", "item", "", 2, 11, (7,), CallSite("train.py", 8, "g_loss.item()"), 8),),
)
META = Meta(
    "0.1.0", "2.13.0", "3.11.9", 0, "cpu", 1, "ganscope trace gan", "2025-01-01T00:00:00+00:00",
    "complete", ("a note",), "train",
)  # fmt: skip
GOLDEN = Trace(
    META,
    (Network("generator", "Generator", "generator", 6, None),),
    (STEP,),
    Failure(0, 0, 0, "RuntimeError: no", "2 numbers", "1×3", None),
    (Finding("GS001", "warning", "generator.0", {"share": 0.5}, "why", "mend"),),
    (dataclasses.replace(OPTIMIZER, steps=3),),
    (SourceText(file="train.py", line=6, text="def turn():\n    generator(z)\n"),),
)

PLAIN_STATS = {
    "count": 2,
    "mean": 0.5,
    "std": 0.5,
    "min": 0.0,
    "max": 1.0,
    "norm": 1.0,
    "fraction_nonpositive": 0.5,
    "fraction_zero": 0.5,
    "nonfinite": 0,
    "histogram": {"low": 0.0, "high": 1.0, "counts": [1, *([0] * 30), 1], "sampled": None},
}
PLAIN_TENSOR = {
    "shape": [1, 2],
    "dtype": "float32",
    "device": "cpu",
    "requires_grad": False,
    "stats": PLAIN_STATS,
    "note": None,
    "preview": [0.0, 1.0],
    "samples": {"indices": [0], "shape": [1, 2], "data": "AAAAPA=="},
    "name": None,
    "id": 7,
    "alias_of": 5,
    "changed_from": 6,
    "is_leaf": False,
    "kind": "tensor",
    "earlier": {"network": "generator", "share": 0.5, "how": "values"},
    "spread": 0.25,
}
PLAIN_OPTIMIZER = {
    "name": "opt_G",
    "type": "Adam",
    "learning_rates": [0.0002],
    "betas": [[0.5, 0.999]],
    "momentum": [0.25],
    "weight_decay": [0.125],
    "holds": ["generator.0.weight"],
}
PLAIN = {
    "schema": "ganscope.trace/1",
    "meta": {
        "ganscope": "0.1.0",
        "torch": "2.13.0",
        "python": "3.11.9",
        "seed": 0,
        "device": "cpu",
        "threads": 1,
        "command": "ganscope trace gan",
        "created": "2025-01-01T00:00:00+00:00",
        "completeness": "complete",
        "notes": ["a note"],
        "mode": "train",
    },
    "networks": [
        {
            "name": "generator",
            "type": "Generator",
            "role": "generator",
            "parameters": 6,
            "wrapper": None,
        }
    ],
    "steps": [
        {
            "index": 0,
            "calls": [
                {
                    "id": 0,
                    "parent": None,
                    "update": 0,
                    "purpose": "training",
                    "kind": "module",
                    "network": "generator",
                    "path": "generator.0",
                    "type": "Linear",
                    "nth": 1,
                    "inputs": [PLAIN_TENSOR],
                    "outputs": [],
                    "parameters": 6,
                    "seconds": 0.25,
                    "site": {"file": "train.py", "line": 7, "code": "generator(z)"},
                    "gradients": [{"backward": 0, "output": 0, "stats": None, "sequence": None}],
                    "settings": "in_features=2",
                    "note": None,
                    "mode": "train",
                    "recomputed": True,
                    "original": 0,
                    "frozen_parameters": 2,
                    "arguments": {"in_features": 2, "slope": [0.5, {"input": 0}]},
                    "sequence": 3,
                    "ended": 4,
                }
            ],
            "updates": [
                {
                    "index": 0,
                    "optimizers": [{**copy.deepcopy(PLAIN_OPTIMIZER), "steps": None}],
                    "networks": ["generator"],
                    "losses": [
                        {
                            "name": "g_loss",
                            "value": "nan",
                            "call": 0,
                            "parts": [{"name": "fool", "value": 0.75}],
                        }
                    ],
                    "backwards": [
                        {
                            "id": 0,
                            "loss": "g_loss",
                            "kind": "backward",
                            "reached": {"generator": 2},
                            "create_graph": True,
                            "sequence": 5,
                            "ended": 6,
                            "retain_graph": False,
                            "site": {"file": "train.py", "line": 8, "code": "g_loss.backward()"},
                        }
                    ],
                    "gradient_scale": 1.0,
                    "parameters": [
                        {
                            "name": "generator.0.weight",
                            "shape": [2, 2],
                            "optimizer": "opt_G",
                            "gradient": None,
                            "weight_norm": 1.0,
                            "update_norm": 0.5,
                            "update_ratio": 0.5,
                            "dtype": "float32",
                            "weight_min": [-1.0, -0.5],
                            "weight_max": [0.5, None],
                            "clipped_from": 2.0,
                        }
                    ],
                    "buffers": [
                        {
                            "name": "generator.1.running_mean",
                            "norm_before": 0.5,
                            "change_norm": None,
                        }
                    ],
                    "changed_outside": ["generator.0.weight"],
                }
            ],
            "ledger": [
                {
                    "network": "discriminator",
                    "backward": 0,
                    "tensors": 2,
                    "fate": "left",
                    "update": None,
                }
            ],
            "judgements": [
                {
                    "moment": "before",
                    "real": 0.5,
                    "fake": 0.25,
                    "accuracy_real": 1.0,
                    "accuracy_fake": 0.75,
                    "is_probability": True,
                }
            ],
            "split": {
                "network": "discriminator",
                "real_norm": 3.0,
                "fake_norm": 4.0,
                "total_norm": 5.0,
                "angle": 90.0,
            },
            "events": [
                {
                    "sequence": 9,
                    "kind": "exit",
                    "name": "item",
                    "network": "",
                    "count": 2,
                    "last": 11,
                    "tensors": [7],
                    "site": {"file": "train.py", "line": 8, "code": "g_loss.item()"},
                    "after": 8,
                }
            ],
        }
    ],
    "failure": {
        "step": 0,
        "update": 0,
        "call": 0,
        "message": "RuntimeError: no",
        "expected": "2 numbers",
        "got": "1×3",
        "site": None,
    },
    "findings": [
        {
            "code": "GS001",
            "severity": "warning",
            "where": "generator.0",
            "evidence": {"share": 0.5},
            "why": "why",
            "mend": "mend",
        }
    ],
    "optimizers": [{**copy.deepcopy(PLAIN_OPTIMIZER), "steps": 3}],
    "sources": [{"file": "train.py", "line": 6, "text": "def turn():\n    generator(z)\n"}],
}


def test_a_trace_as_json_has_exactly_the_contracts_keys() -> None:
    assert GOLDEN.to_dict() == PLAIN
    assert PLAIN["schema"] == SCHEMA
    assert Trace.from_dict(PLAIN).to_dict() == PLAIN


def test_a_trace_that_does_not_tell_of_create_graph_is_read() -> None:
    """As those were that were taken before it was told."""
    plain = GOLDEN.to_dict()
    del plain["steps"][0]["updates"][0]["backwards"][0]["create_graph"]
    assert Trace.from_dict(plain).steps[0].updates[0].backwards[0].create_graph is None


def test_the_plain_form_is_plain_to_the_last_leaf() -> None:
    plain = GOLDEN.to_dict()
    for way in _places(plain):
        assert type(_at(plain, way)) in (dict, list, str, int, float, bool, type(None)), way
        if type(_at(plain, way)) is float:
            assert math.isfinite(_at(plain, way)), way


def test_plain_data_is_made_anew_each_time() -> None:
    first = GOLDEN.to_dict()
    first["steps"][0]["calls"].clear()
    assert GOLDEN.to_dict() == PLAIN


# -- refusals -----------------------------------------------------------------------------------


def _places(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside plain data."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        yield (*way, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*way, key))


def _at(data: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        data = data[key]
    return data


def _words(way: tuple[Any, ...]) -> str:
    return "trace" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in way)


def _refusal(data: Any) -> str:
    with pytest.raises(TraceFormatError) as caught:
        Trace.from_dict(data)
    text = str(caught.value)
    assert "\n" not in text
    return text


OPTIONAL = {"notes", "mode", "wrapper", "gradients", "settings", "note", "preview", "samples",
            "name", "sampled", "parts", "optimizers", "networks", "losses", "backwards",
            "create_graph", "gradient_scale", "parameters", "updates", "ledger", "failure",
            "findings", "judgements", "is_probability", "split", "alias_of", "changed_from",
            "is_leaf", "kind", "earlier", "how", "recomputed", "original", "frozen_parameters",
            "arguments", "spread", "betas", "momentum", "weight_decay", "holds", "steps",
            "retain_graph", "weight_min", "weight_max", "clipped_from", "buffers",
            "changed_outside", "sequence", "ended", "events", "sources"}  # fmt: skip
OPTIONAL_THERE = {("inputs", "id"), ("backwards", "site"), ("parameters", "dtype")}
FREE = ("reached", "evidence", "arguments")
"""Keys inside these are names of somebody's, and `arguments` is any data."""
WAYS = [way for way in _places(PLAIN) if way != ("schema",)]


def test_a_missing_key_is_refused_at_its_place_or_has_a_default() -> None:
    refused = set()
    for way in WAYS:
        data = copy.deepcopy(PLAIN)
        around, key = _at(data, way[:-1]), way[-1]
        if not isinstance(around, dict) or set(way[:-1]) & set(FREE):
            continue
        del around[key]
        try:
            Trace.from_dict(data)
        except TraceFormatError as error:
            assert str(error) == f"{_words(way)} is missing"
            refused.add(key)
        else:
            own = (*way[-3:-2], key) in OPTIONAL_THERE
            assert key in OPTIONAL or own or "events" in way, way
    assert {"meta", "networks", "steps", "calls", "id", "shape", "stats", "count", "low"} <= refused


def test_every_value_of_a_wrong_type_is_refused_at_its_place() -> None:
    for way in WAYS:
        if "arguments" in way[:-1]:
            continue
        data = copy.deepcopy(PLAIN)
        around, key = _at(data, way[:-1]), way[-1]
        for wrong in ({"no": 1}, ["no"], "no", 1.5, True):
            if _may_stand(around[key], wrong, way):
                continue
            around[key] = wrong
            text = _refusal(data)
            assert text.startswith(_words(way)), text
            around[key] = _at(PLAIN, way)


def _may_stand(right: Any, wrong: Any, way: tuple[Any, ...]) -> bool:
    """Whether `wrong` is no mistake where `right` stands, or is one that lies deeper."""
    if way[-2:-1] == ("preview",):
        return isinstance(wrong, bool | float)
    if right is None and way[-1] in ("wrapper", "name", "note"):
        return isinstance(wrong, str)
    if right is None and (way[-1] == "change_norm" or way[-2] == "weight_max"):
        return isinstance(wrong, float)
    if right is None and way[-1] in ("site", "stats", "gradient"):
        return isinstance(wrong, dict)
    return type(right) is type(wrong) or (right == "nan" and isinstance(wrong, float))


@pytest.mark.parametrize(
    ("way", "wrong", "text"),
    [
        (("meta",), None, "trace.meta should be an object, and is null"),
        (("meta", "threads"), "two", "trace.meta.threads should be a whole number, and is str"),
        (("meta", "threads"), 1.0, "trace.meta.threads should be a whole number, and is float"),
        (("meta", "threads"), True, "trace.meta.threads should be a whole number, and is bool"),
        (("steps",), {}, "trace.steps should be a list, and is dict"),
        (("steps", 0, "calls", 0, "path"), 3,
         "trace.steps[0].calls[0].path should be text, and is int"),
        (("steps", 0, "calls", 0, "inputs", 0, "requires_grad"), 0,
         "trace.steps[0].calls[0].inputs[0].requires_grad should be true or false, and is int"),
        (("steps", 0, "calls", 0, "inputs", 0, "samples", "data"), "~",
         "trace.steps[0].calls[0].inputs[0].samples.data should be base64 text, and is str"),
        (("steps", 0, "calls", 0, "inputs", 0, "stats", "mean"), "much",
         "trace.steps[0].calls[0].inputs[0].stats.mean should be a number, and is str"),
        (("steps", 0, "calls", 0, "inputs", 0, "preview"), [[]],
         "trace.steps[0].calls[0].inputs[0].preview[0] should be a number, and is list"),
        (("steps", 0, "updates", 0, "backwards", 0, "reached"), {"G": "2"},
         "trace.steps[0].updates[0].backwards[0].reached.G should be a whole number, and is str"),
    ],
)  # fmt: skip
def test_wording_of_a_wrong_type(way: tuple[Any, ...], wrong: Any, text: str) -> None:
    data = copy.deepcopy(PLAIN)
    _at(data, way[:-1])[way[-1]] = wrong
    assert _refusal(data) == text


@pytest.mark.parametrize("given_schema", ["ganscope.trace/2", "something", None, 1])
def test_another_schema_is_refused_with_the_mend(given_schema: Any) -> None:
    text = _refusal({**PLAIN, "schema": given_schema})
    assert repr(given_schema) in text
    assert SCHEMA in text
    assert "upgrade" in text


@pytest.mark.parametrize("data", [[], "text", None, 3])
def test_what_is_no_object_is_no_trace(data: Any) -> None:
    assert "a trace is an object" in _refusal(data)


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["positive", "negative"])
def test_a_number_beyond_every_float_is_refused_at_its_place(number: int) -> None:
    data = copy.deepcopy(PLAIN)
    data["steps"][0]["calls"][0]["seconds"] = number
    assert _refusal(data).startswith("trace.steps[0].calls[0].seconds")


def test_a_refusal_stays_one_line_whatever_a_strangers_key_holds() -> None:
    data = copy.deepcopy(PLAIN)
    data["steps"][0]["updates"][0]["backwards"][0]["reached"] = {"a\nb\x1b[2J\r": "2"}
    text = _refusal(data)
    assert text.startswith("trace.steps[0].updates[0].backwards[0].reached.")
    assert text.isprintable()


def test_keys_of_a_later_version_are_passed_over() -> None:
    data = copy.deepcopy(PLAIN)
    for way in [(), *_places(PLAIN)]:
        inside = _at(data, way)
        if isinstance(inside, dict) and not set(way) & set(FREE):
            inside["of_a_later_version"] = {"any": ["thing"]}
    assert alike(Trace.from_dict(data), Trace.from_dict(PLAIN))


# -- the nouns ----------------------------------------------------------------------------------


def test_every_noun_that_is_offered_is_looked_at() -> None:
    assert {noun.__name__ for noun in NOUNS} == set(traces.__all__) - {"EARLIER", "SCHEMA"}


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_nouns_are_frozen_and_slotted(noun: Any) -> None:
    assert dataclasses.is_dataclass(noun)
    assert noun.__dataclass_params__.frozen
    assert "__slots__" in vars(noun)
    assert "__dict__" not in dir(noun)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_nouns_hold_plain_values_only(noun: Any) -> None:
    def leaves(annotation: Any) -> Iterator[Any]:
        inside = [choice for choice in get_args(annotation) if choice is not Ellipsis]
        if not inside:
            yield annotation
        for choice in inside:
            yield from leaves(choice)

    hints = get_type_hints(noun)
    for field in dataclasses.fields(noun):
        for leaf in leaves(hints[field.name]):
            is_data = leaf is Any and (noun, field.name) == (Call, "arguments")
            assert is_data or leaf in (int, float, str, bool, bytes, type(None), *NOUNS), field


def test_a_noun_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CALL.path = "else"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        CALL.extra = 1  # type: ignore[attr-defined]


def test_a_repeated_call_is_labelled() -> None:
    assert CALL.label == "generator.0"
    assert dataclasses.replace(CALL, nth=2).label == "generator.0 #2"
    outside = dataclasses.replace(CALL, path="", type="add", nth=3)
    assert outside.label == "add #3"
