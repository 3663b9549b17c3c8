"""Tensors whose memory is not what it seems: right figures or a note, and never a crash."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.probe.helpers import Net, assert_figures, call, run

ROOT = Path(__file__).parents[2]

WITHOUT_MEMORY = {
    "freed storage": "x = torch.ones(3000, 3000); x.untyped_storage().resize_(0)",
    "shrunk storage": "x = torch.ones(3000, 3000); x.untyped_storage().resize_(64)",
}


@pytest.mark.parametrize("name", WITHOUT_MEMORY)
def test_a_tensor_without_memory_does_not_crash_the_process(name: str) -> None:
    code = f"""
    import torch
    torch.set_num_threads(1)
    from torch import nn
    from ganscope.probe.model import observe
    {WITHOUT_MEMORY[name]}
    trace, error = observe(nn.Identity(), (x,), name="net")
    assert error is None, error
    record = trace.steps[0].calls[0].outputs[0]
    print(record.shape, record.stats and record.stats.mean, record.note)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-300:])
    assert "(3000, 3000)" in done.stdout
    _, _, said = done.stdout.strip().partition("(3000, 3000) ")
    # Any figure would be of memory that is not the tensor's.
    assert said.startswith("None ")
    assert not said.endswith(" None")


def _quantized_by_channel() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([0, 1])
        return torch.quantize_per_channel(torch.rand(2, 3), scales, zeros, 0, torch.qint8)


def _sparse(layout: str) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if layout == "columns":
            return torch.eye(4).to_sparse_csc()
        return torch.eye(4).to_sparse_bsr((2, 2))


NOTED: dict[str, tuple[Callable[[], Tensor], str]] = {
    "conjugate view": (lambda: torch.ones(3, dtype=torch.complex64).conj(), "complex"),
    "half complex": (lambda: torch.ones(3).to(torch.complex128), "complex"),
    "quantized by channel": (_quantized_by_channel, "quantized"),
    "sparse columns": (lambda: _sparse("columns"), "sparse"),
    "sparse blocks": (lambda: _sparse("blocks"), "sparse"),
    "sparse that wants gradients": (lambda: torch.eye(3).to_sparse().requires_grad_(), "sparse"),
    "empty meta": (lambda: torch.empty(0, device="meta"), "meta"),
    "zeros without memory": (lambda: torch._efficientzerotensor((30,)), "no figures"),
    "opaque layout": (lambda: torch.ones(4, 4).to_mkldnn(), "layout"),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_cannot_be_read_has_a_note_and_keeps_its_shape(name: str) -> None:
    make, word = NOTED[name]
    tensor = make()
    trace = run(Net(lambda self, x: x), tensor)
    for record in (*call(trace, "net").inputs, *call(trace, "net").outputs):
        assert record.stats is None
        assert record.note is not None
        assert word in record.note
        assert record.shape == tuple(tensor.shape)
        assert record.dtype == str(tensor.dtype).removeprefix("torch.")
    trace.to_dict()


def test_a_dense_layout_that_is_opaque_is_not_called_sparse() -> None:
    record = call(run(Net(lambda self, x: x), torch.ones(4, 4).to_mkldnn()), "net").outputs[0]
    assert record.note is not None
    assert "sparse" not in record.note


MEASURED: dict[str, Callable[[], Tensor]] = {
    "real part": lambda: torch.randn(9, dtype=torch.complex64).real,
    "imaginary part": lambda: torch.randn(9, dtype=torch.complex64).imag,
    "imaginary part of a conjugate": lambda: torch.randn(9, dtype=torch.complex64).conj().imag,
    "int8": lambda: torch.randint(-128, 127, (40,), dtype=torch.int8),
    "int16": lambda: torch.randint(-3000, 3000, (40,), dtype=torch.int16),
    "int32 extremes": lambda: torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    "int64 extremes": lambda: torch.tensor([-(2**53), 2**53]),
    "uint16": lambda: torch.arange(40).to(torch.uint16),
    "float8 wide": lambda: torch.randn(40).to(torch.float8_e5m2),
    "a single bool": lambda: torch.tensor(True),
    "negative zeros": lambda: torch.tensor([-0.0, 0.0, -1.0]),
    "float64 huge": lambda: torch.tensor([1e300, -1e300], dtype=torch.float64),
    "float64 tiny": lambda: torch.tensor([1e-310, -1e-300], dtype=torch.float64),
    "half overflow": lambda: torch.tensor([65504.0, 60000.0]).half(),
    "nan behind the first block": lambda: torch.cat(
        [torch.zeros(70_000), torch.tensor([torch.nan])]
    ),
    "infinity in every block": lambda: torch.full((140_000,), torch.inf).index_fill_(
        0, torch.tensor([3, 90_000]), 1.0
    ),
    "zero stride": lambda: torch.ones(1).expand(70_000),
    "three dimensions last": lambda: torch.randn(2, 3, 4, 5, 6).to(
        memory_format=torch.channels_last_3d
    ),
    "channels last, large": lambda: torch.randn(2, 64, 32, 32).to(
        memory_format=torch.channels_last
    ),
    "negative, large": lambda: torch.randn(70_000)._neg_view(),
    "negative and wanting gradients": lambda: torch.randn(9, requires_grad=True)._neg_view(),
    "one value in a far slice": lambda: torch.arange(1e5)[99_999:],
    "no dimension": lambda: torch.tensor(-2.5, dtype=torch.bfloat16),
}


@pytest.mark.parametrize("name", MEASURED)
def test_figures_are_of_the_values_that_the_user_sees(name: str) -> None:
    torch.manual_seed(0)
    tensor = MEASURED[name]()
    with np.errstate(all="ignore"):
        trace = run(nn.Sequential(nn.Identity()), tensor)
        assert_figures(call(trace, "net.0").inputs[0], tensor)
        assert_figures(call(trace, "net.0").outputs[0], tensor)
    trace.to_dict()


@pytest.mark.parametrize("shape", [(0,), (0, 7), (3, 0, 2)])
def test_no_values_have_no_figures_but_a_count(shape: tuple[int, ...]) -> None:
    stats = call(run(nn.Identity(), torch.empty(shape)), "net").outputs[0].stats
    assert (stats.count, stats.mean, stats.min, stats.histogram) == (0, None, None, None)
    assert stats.nonfinite == 0


def test_a_lone_value_has_no_spread_and_integers_keep_their_digits() -> None:
    record = call(run(nn.Identity(), torch.tensor([7.5])), "net").outputs[0]
    assert record.stats.std == 0.0
    record = call(run(nn.Identity(), torch.tensor([3, 5])), "net").outputs[0]
    assert record.preview == (3, 5)
    assert all(type(value) is int for value in record.preview)
    record = call(run(nn.Identity(), torch.tensor([True, False])), "net").outputs[0]
    assert record.preview == (True, False)


def test_a_copy_on_write_tensor_is_read_and_keeps_its_values() -> None:
    base = torch.arange(12.0)
    lazy = torch._lazy_clone(base)
    trace = run(Net(lambda self, x: self.act(x), act=nn.ReLU(inplace=True)), lazy.sub_(6))
    assert_figures(call(trace, "net").inputs[0], torch.arange(12.0) - 6)
    assert torch.equal(base, torch.arange(12.0))


def test_a_read_only_array_behind_a_tensor() -> None:
    array = np.arange(6, dtype=np.float32)
    shared = torch.from_numpy(array)
    array.flags.writeable = False
    assert_figures(call(run(nn.Identity(), shared), "net").outputs[0], torch.arange(6.0))


@pytest.mark.parametrize("enabled", [True, False])
def test_autocast_around_the_trace_leaves_the_figures_exact(enabled: bool) -> None:
    kept: list[Tensor] = []
    layer = nn.Linear(50, 50)
    model = Net(lambda self, x: kept.append(self.layer(x)) or kept[-1] @ x.T, layer=layer)
    inputs = torch.randn(40, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        trace = run(model, inputs)
        assert torch.is_autocast_enabled("cpu") is enabled
    record = call(trace, "net.layer").outputs[0]
    assert record.dtype == ("bfloat16" if enabled else "float32")
    assert_figures(record, kept[0])
    assert_figures(call(trace, "net.layer").inputs[0], inputs)


def test_a_structure_of_mixed_kinds_has_notes_and_figures_side_by_side() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        return {"real": x, "spectrum": torch.fft.fft(x), "mask": x > 0, "shape": tuple(x.shape)}

    outputs = call(run(Net(forward), torch.randn(4, 4)), "net").outputs
    by_name = {record.name: record for record in outputs}
    assert by_name["real"].stats is not None
    assert by_name["spectrum"].note == "complex: no order, so no figures"
    assert by_name["mask"].stats is not None
    assert by_name["shape[0]"].note == "4: no tensor"


def test_more_small_tensors_than_can_wait_together_keep_their_own_figures() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        for step in range(150):
            self.look(x + step)
        return x

    inputs = torch.linspace(0, 1, 16_000).view(10, 1600)
    trace = run(Net(forward, look=nn.Identity()), inputs)
    looked = [record for record in trace.steps[0].calls if record.path == "net.look"]
    assert len(looked) == 150
    for step, record in enumerate(looked):
        output = record.outputs[0]
        assert (output.stats.min, output.stats.max) == (step, step + 1)
        assert output.preview[0] == step
        kept = np.frombuffer(output.samples.data, "<f2")
        assert kept[0] == np.float16(step)


@pytest.mark.parametrize("size", [50, 40_000])
def test_an_id_and_an_address_given_out_again_are_another_tensor(size: int) -> None:
    memory, places = np.zeros(size, dtype=np.float32), []

    class Fresh(nn.Module):
        """A new tensor each time, always over the same memory."""

        def forward(self, x: Tensor) -> Tensor:
            memory[...] += 1.0
            return torch.from_numpy(memory)

    def forward(self: Any, x: Tensor) -> Tensor:
        for _ in range(30):
            made = self.fresh(x)
            places.append((id(made), made.untyped_storage().data_ptr()))
            del made
        return x

    trace = run(Net(forward, fresh=Fresh()), torch.ones(2))
    assert len(set(places)) < 30, "no id came again, so this tests nothing"
    means = [c.outputs[0].stats.mean for c in trace.steps[0].calls if c.path == "net.fresh"]
    assert means == pytest.approx([float(step + 1) for step in range(30)])
