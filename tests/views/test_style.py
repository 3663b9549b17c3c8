from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganscope.traces import Histogram
from ganscope.views import style


@pytest.mark.parametrize(
    ("shape", "text"),
    [((64, 1, 28, 28), "64×1×28×28"), ((7,), "7"), ((), "scalar"), (None, "–"), ((0, 3), "0×3")],
)
def test_shape(shape: tuple[int, ...] | None, text: str) -> None:
    assert style.format_shape(shape) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1.000"),
        (-1.0, "-1.000"),
        (math.log(2), "0.693"),
        (-0.0123456, "-0.0123"),
        (0.0042, "0.0042"),
        (-0.0004, "-4.0e-4"),
        (-2.3e-9, "-2.3e-9"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (1234.56, "1,235"),
        (99_999.0, "99,999"),
        (100_000.0, "1.0e5"),
        (-1.5e30, "-1.5e30"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "1.000"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert style.format_number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_keeps_its_sign_and_its_first_digits(value: float) -> None:
    text = style.format_number(value)
    read = float(text.replace(",", ""))
    assert len(text) <= 9
    assert read == pytest.approx(value, rel=0.051)
    assert text.startswith("-") == (value < 0)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1))
def test_aligned_numbers_have_their_points_in_one_place(values: list[float]) -> None:
    texts = style.align_on_point([style.format_number(value) for value in values])
    widest = max(map(len, texts))
    points = {text.rjust(widest).index(".") for text in texts if "." in text}
    assert len(points) <= 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0.00 µs"),
        (4.2e-7, "0.42 µs"),
        (8.42e-5, "84.2 µs"),
        (0.00123, "1.23 ms"),
        (0.9996, "1.00 s"),
        (0.0009996, "1.00 ms"),
        (0.123, "123 ms"),
        (2.5, "2.50 s"),
        (59.96, "60.0 s"),
        (61.0, "1 min 01 s"),
        (float("nan"), "–"),
    ],
)
def test_seconds(seconds: float | None, text: str) -> None:
    assert style.format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0%"), (1e-9, "<1%"), (0.512, "51%"), (0.9999, ">99%"), (1.0, "100%"), (None, "–")],
)
def test_share(fraction: float | None, text: str) -> None:
    assert style.format_share(fraction) == text


def test_counts() -> None:
    assert style.format_count(1_510_032) == "1,510,032"
    assert style.format_count(None) == "–"
    assert style.count_of(1, "call") == "1 call"
    assert style.count_of(1_000, "call") == "1,000 calls"


def test_sparkline_rises_with_the_counts() -> None:
    rising = Histogram(0.0, 1.0, tuple(range(32)))
    assert style.sparkline(rising, 8) == "▂▃▄▅▆▆▇█"


def test_sparkline_tells_empty_from_rare() -> None:
    counts = [0] * 32
    counts[0], counts[31] = 1_000_000, 1
    assert style.sparkline(Histogram(0.0, 1.0, tuple(counts)), 8) == "█▁▁▁▁▁▁▂"


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (1.3e-10, 1.0, "≈0"),
        (-1.3e-10, 1.0, "≈0"),
        (2e-6, 1.0, "2.0e-6"),
        (9e-7, 1.0, "≈0"),
        (1.3e-10, 1e-9, "1.3e-10"),
        (1.3e-10, 0.0, "1.3e-10"),
        (1.3e-10, None, "1.3e-10"),
        (0.0, 1.0, "0"),
        (None, None, "–"),
    ],
)
def test_a_mean_beside_its_deviation(
    mean: float | None, deviation: float | None, text: str
) -> None:
    assert style.format_mean(mean, deviation) == text


def test_sparkline_of_nothing() -> None:
    assert style.sparkline(Histogram(0.5, 0.5, (1,) + (0,) * 31), 8) == "", "a single value"
    assert style.sparkline(None, 8) == "–"
    assert style.sparkline(Histogram(0.0, 0.0, (0,) * 32), 8) == "–"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=64), st.integers(1, 70))
def test_merging_bins_loses_no_value(counts: list[int], width: int) -> None:
    merged = style.merge_bins(counts, width)
    assert sum(merged) == sum(counts)
    assert len(merged) == min(width, len(counts))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "no such encoding"])
def test_encodings_without_the_signs(encoding: str) -> None:
    assert not style.can_encode_glyphs(encoding)


def test_ascii_look_alikes() -> None:
    assert style.can_encode_glyphs("utf-8")
    assert style.to_ascii("64×100 → 64×128 ▁█ …") == "64x100 -> 64x128 _# ..."
    assert style.to_ascii("größe").isascii()


@given(st.text())
def test_printable_text_moves_no_cursor(text: str) -> None:
    assert style.printable(text).isprintable()


def test_escape_sequences_are_shown_and_not_run() -> None:
    assert style.printable("a\x1b[31mb\nc") == "a\\x1b[31mb c"
