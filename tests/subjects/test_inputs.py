"""The short specification of an input: what it reads, what it makes, what it refuses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ganscope.errors import InputError
from ganscope.subjects.inputs import InputSpecification, make, make_all, normal, parse

FLOATS = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16}
FLOATS |= {"bfloat16": torch.bfloat16}
WHOLE = {"int64": torch.int64, "int32": torch.int32, "int16": torch.int16, "int8": torch.int8}
WHOLE |= {"uint8": torch.uint8, "bool": torch.bool}
DTYPES = FLOATS | WHOLE

names = st.sampled_from(["labels", "z", "x_1", "größe"])
shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)

    def forward(self, noise: Tensor, labels: Tensor, *, scale: Tensor | None = None) -> Tensor:
        return torch.cat([noise, self.embedding(labels)], 1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@given(
    shape=shapes,
    name=st.none() | names,
    dtype=st.none() | st.sampled_from(sorted(DTYPES)),
    ends=st.none() | st.tuples(st.integers(0, 100), st.integers(0, 27)),
    sign=st.sampled_from("xX×"),
)
def test_every_specification_is_read_back(
    shape: tuple[int, ...],
    name: str | None,
    dtype: str | None,
    ends: tuple[int, int] | None,
    sign: str,
) -> None:
    if dtype == "bool" and ends is not None:
        ends = (ends[0] % 2, 0) if ends[0] % 2 == 0 else (0, 1)
    low, high = (None, None) if ends is None else (ends[0], ends[0] + ends[1])
    text = (f"{name}=" if name else "") + (f"{dtype}:" if dtype else "")
    text += sign.join(map(str, shape)) + ("" if ends is None else f":{low}..{high}")
    expected = InputSpecification(name, shape, DTYPES[dtype or "float32"], low, high)
    assert parse(text) == expected


@given(shape=shapes, dtype=st.sampled_from(sorted(set(WHOLE) - {"bool"})), data=st.data())
def test_whole_numbers_stay_in_their_range(
    shape: tuple[int, ...], dtype: str, data: st.DataObject
) -> None:
    info = torch.iinfo(WHOLE[dtype])
    largest = min(info.max, 2**63 - 2)
    low = data.draw(st.integers(info.min, largest))
    high = data.draw(st.integers(low, largest))
    tensor = make(parse(f"{dtype}:{'x'.join(map(str, shape))}:{low}..{high}"), generator())
    assert (tuple(tensor.shape), tensor.dtype) == (shape, WHOLE[dtype])
    assert low <= int(tensor.min()) <= int(tensor.max()) <= high


@given(
    dtype=st.sampled_from(sorted(FLOATS)),
    low=st.floats(-100, 100).map(lambda value: round(value, 2)),
    size=st.floats(0, 100).map(lambda value: round(value, 2)),
)
def test_fractions_stay_in_their_range(dtype: str, low: float, size: float) -> None:
    high = round(low + size, 2)
    tensor = make(parse(f"{dtype}:50:{low:.2f}..{high:.2f}"), generator())
    assert tensor.dtype == FLOATS[dtype]
    ends = torch.tensor([low, high], dtype=torch.float64).to(FLOATS[dtype])
    assert ends[0] <= tensor.min()
    assert tensor.max() <= ends[1]


def test_a_range_is_reached_and_filled() -> None:
    whole = make(parse("int64:1000:3..5"), generator())
    assert whole.unique().tolist() == [3, 4, 5]
    fractions = make(parse("10000:-1..1"), generator())
    assert float(fractions.min()) < -0.99
    assert float(fractions.max()) > 0.99


def test_without_a_range() -> None:
    noise = make(parse("20000"), generator())
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert make(parse("int64:1000"), generator()).unique().tolist() == [0, 1]
    assert make(parse("bool:1000"), generator()).unique().tolist() == [False, True]
    classes = make(parse("int64:1000"), generator(), classes=4)
    assert classes.unique().tolist() == [0, 1, 2, 3]


def test_extreme_ranges() -> None:
    widest = make(parse("float32:9:-3.4e38..3.4e38"), generator())
    assert bool(widest.isfinite().all())
    assert (
        make(parse("int64:9:-9223372036854775808..9223372036854775806"), generator()).numel() == 9
    )
    assert make(parse("3:2..2"), generator()).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--input '' is no input; give a shape, such as"),
        ("64,100", "--input 64,100 is no input; give a shape, such as"),
        ("64x100x", "--input 64x100x: '64x100x' is no shape; give one, such as"),
        ("x", "--input x: 'x' is no shape; give one, such as"),
        ("0x3", "--input 0x3: a dimension of 0 holds nothing; give sizes of at least 1"),
        ("-1x3", "--input -1x3: a dimension of -1 holds nothing; give sizes of at least 1"),
        ("int46:3", "; did you mean 'int64'?"),
        ("3:a..b", "--input 3:a..b is no input; give a shape, such as"),
        ("3:1..0", "--input 3:1..0: the range 1..0 is empty; put the lower first"),
        ("3:0..1e999", "float32 holds -3.40282e+38 to 3.40282e+38; give a range within that"),
        ("float16:3:0..70000", "float16 holds -65504 to 65504; give a range within that"),
        ("uint8:3:0..256", "--input uint8:3:0..256: uint8 holds 0 to 255; give a range within"),
        ("int8:3:-129..0", "int8 holds -128 to 127; give a range within that"),
        ("bool:3:0..2", "bool holds 0 to 1; give a range within that"),
        ("int64:3:0..0.5", "int64 holds whole numbers; give a range such as 0..9"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("--input ")
    assert "\n" not in str(caught.value)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        specification = parse(text)
    except InputError as error:
        assert str(error)
    else:
        assert min(specification.shape) >= 1


def test_torchs_short_names_of_types() -> None:
    for short, long in (("float", "float32"), ("long", "int64"), ("half", "float16")):
        assert parse(f"{short}:3") == parse(f"{long}:3")


@pytest.mark.parametrize("shape", [(10**11, 100), (10**30,)])
def test_what_does_not_fit_in_memory(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="does not fit in memory; give smaller sizes"):
        normal(shape, seed=0)
    with pytest.raises(InputError, match="does not fit in memory; give smaller sizes"):
        make(InputSpecification(None, shape, torch.int64), generator())


def test_positional_and_keyword_inputs() -> None:
    args, kwargs = make_all(["4x5", "labels=int64:4"], Conditional(), seed=0)
    assert [tuple(tensor.shape) for tensor in args] == [(4, 5)]
    assert kwargs["labels"].dtype == torch.int64
    many = make_all(["999x5", "int64:999"], Conditional(), seed=0)[0][1]
    assert many.unique().tolist() == list(range(10))  # the embedding knows ten


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, again, other = (
        make_all(["4x5", "int64:4"], Conditional(), seed=seed)[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def test_the_users_random_numbers_are_left_alone() -> None:
    model = Conditional()
    before = torch.get_rng_state()
    make_all(["4x5", "int64:4"], model, seed=1)
    normal((3,), seed=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["4x5", "label=int64:4"], "the forward of Conditional takes no 'label'; it takes noise, "
         "labels, scale; did you mean 'labels'?"),
        (["4x5"], "the forward of Conditional takes noise, labels, scale, and 1 input was given "
         "(missing a required argument: 'labels'); give --input once for each"),
        (["4x5"] * 3, "the forward of Conditional takes noise, labels, scale, and 3 inputs were "
         "given (too many positional arguments); give --input once for each"),
        (["noise=4x5", "noise=4x5"], "--input noise=… was given twice; give it once"),
    ],
)  # fmt: skip
def test_inputs_that_the_forward_does_not_take(texts: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        make_all(texts, Conditional(), seed=0)
    assert str(caught.value) == said
