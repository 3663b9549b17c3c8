"""Inputs that nobody gave: found by what layers take, and by trying."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganscope.errors import InputError
from ganscope.subjects import inference
from ganscope.subjects.inference import infer


class Reversed(nn.Module):
    """Its first registered layer is the last to run."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 1)
        self.body = nn.Linear(100, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class Judge(nn.Module):
    """A convolution whose image size only the last layer knows."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3, padding=1)
        self.normalisation = nn.BatchNorm2d(2)
        self.linear = nn.Linear(2 * size * size, 1)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(self.normalisation(self.convolution(x)).flatten(1))


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(7, 3)
        self.second = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class Two(nn.Module):
    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        return noise


class KeywordOnly(nn.Module):
    def forward(self, *, noise: Tensor) -> Tensor:
        return noise


class Anything(nn.Module):
    def forward(self, **inputs: Tensor) -> Tensor:
        return inputs["x"]


class Slow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 3)
        self.linear = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(10_000):
            x = self.convolution(x)
            time.sleep(0.02)
        return x


@pytest.mark.parametrize(
    ("model", "shape", "layer"),
    [
        (lambda: nn.Linear(3, 2), (5, 3), "Linear"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)), (5, 3), "0 (Linear)"),
        (lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 2))), (5, 3), "0.0 (Linear)"),
        (Reversed, (5, 100), "body (Linear)"),
        (lambda: Judge(28), (5, 3, 28, 28), "convolution (Conv2d)"),
        (lambda: Judge(32), (5, 3, 32, 32), "convolution (Conv2d)"),
        (lambda: Judge(64), (5, 3, 64, 64), "convolution (Conv2d)"),
        (lambda: nn.ConvTranspose2d(100, 8, 4), (5, 100, 1, 1), "ConvTranspose2d"),
        (lambda: nn.BatchNorm1d(6, affine=False), (5, 6), "BatchNorm1d"),
        (lambda: nn.LayerNorm((4, 6)), (5, 4, 6), "LayerNorm"),
        (lambda: nn.LSTM(8, 4, batch_first=True), (5, 16, 8), "LSTM"),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 16, 8),
         "self_attn (MultiheadAttention)"),
    ],
)  # fmt: skip
def test_shapes(model: Callable[[], nn.Module], shape: tuple[int, ...], layer: str) -> None:
    made = model()
    inferred = infer(made, batch=5)
    assert tuple(inferred.tensor.shape) == shape
    sides = "×".join(map(str, shape))
    assert inferred.note.startswith(
        f"input inferred: {sides}, standard normal, as {layer} takes it"
    )
    made(inferred.tensor)


def test_an_embedding_takes_whole_numbers() -> None:
    inferred = infer(nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 1)), batch=500)
    assert inferred.tensor.dtype == torch.int64
    assert inferred.tensor.unique().tolist() == [0, 1, 2, 3]
    assert "500, whole numbers from 0 to 3, as 0 (Embedding) takes it" in inferred.note


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_input_is_of_the_weights_type(dtype: torch.dtype) -> None:
    assert infer(nn.Linear(3, 2).to(dtype), batch=2).tensor.dtype == dtype


def test_the_same_seed_gives_the_same_input() -> None:
    first, again, other = (infer(nn.Linear(3, 2), batch=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.tensor, again.tensor)
    assert not torch.equal(first.tensor, other.tensor)


def test_trying_leaves_no_mark() -> None:
    torch.manual_seed(0)
    model = Judge(28)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    random = torch.get_rng_state()
    infer(model, batch=5)
    assert model.calls == 0
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_a_model_that_always_fails_is_traced_with_its_first_layers_input() -> None:
    assert tuple(infer(Broken(), batch=5).tensor.shape) == (5, 7)


def test_no_size_runs() -> None:
    with pytest.raises(InputError) as caught:
        infer(Judge(100), batch=5)
    message = str(caught.value)
    assert message.startswith(
        "convolution (Conv2d) comes first, but the model runs with none of 3×64×64, 3×32×32, "
    )
    assert "(at the last: RuntimeError: mat1 and mat2 shapes cannot be multiplied" in message
    assert message.endswith("give its input with --input, such as 5x3x64x64")


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_PATIENCE", 0.1)
    with pytest.raises(InputError, match="trying which size runs takes too long"):
        infer(Slow(), batch=5)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Two, "the forward of Two takes 2 inputs (noise, labels), and only a single positional "
         "one can be inferred; give each, such as --input noise=5x100 "
         "--input labels=int64:5:0..9"),
        (KeywordOnly, "the forward of KeywordOnly takes a keyword input (noise), and only a "
         "single positional one can be inferred; give each, such as --input noise=5x100"),
        (Anything, "the forward of Anything names no input, so none can be inferred; give each by "
         "keyword, such as --input x=5x100"),
        (nn.ReLU, "no layer of ReLU gives its input's shape away; give it with --input, such as "
         "64x100, int64:64, int64:64:0..9 or labels=int64:64:0..9"),
        (lambda: nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)), "no layer of Sequential gives "
         "its input's shape away; give it with --input, such as 64x100, int64:64, int64:64:0..9 "
         "or labels=int64:64:0..9"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_what_cannot_be_inferred(model: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(InputError) as caught:
        infer(model(), batch=5)
    assert str(caught.value) == said
