"""The shipped classifier: how good it is, how unsure of what is no digit, and what is counted."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from ganscope.errors import InputError, WeightsError
from ganscope.training.parts import TEST, TRAINING, VALIDATION
from ganscope.training.scores import classifier as classifier_module
from ganscope.training.scores.classifier import (
    TEST_ACCURACY,
    WEIGHTS,
    DigitClassifier,
    shipped_classifier,
)
from ganscope.training.scores.confidence import confidence
from ganscope.training.scores.train_classifier import accuracy, built_in, main, train_classifier


@pytest.fixture(scope="module")
def real() -> tuple[torch.Tensor, torch.Tensor]:
    return built_in(TEST)


# -- the classifier ------------------------------------------------------------------------------


def test_it_gets_as_many_right_as_it_says(real: tuple[torch.Tensor, torch.Tensor]) -> None:
    share = accuracy(shipped_classifier(), *real)
    assert share == pytest.approx(TEST_ACCURACY, abs=0.0011)  # a rounding may tip one digit over
    assert accuracy(shipped_classifier(), *built_in(VALIDATION)) > 0.965


def test_it_is_small_and_its_size_is_as_said() -> None:
    file = resources.files("ganscope.training.scores") / WEIGHTS
    assert len(file.read_bytes()) < 120_000
    count = sum(weight.numel() for weight in shipped_classifier().parameters())
    assert f"{count:,} parameters" in (DigitClassifier.__doc__ or "")


def test_what_is_no_digit_leaves_it_unsure() -> None:
    numbers = torch.Generator().manual_seed(0)
    noise = torch.rand(300, 1, 28, 28, generator=numbers)
    for level in (0.0, 0.3, 0.5, 1.0):
        grey = (level + 0.02 * torch.randn(noise.shape, generator=numbers)).clamp(0, 1)
        assert confidence(grey).mean < 0.2
    found = confidence(noise)
    assert found.mean < 0.2
    assert (sum(found.digits), found.unsure) == (0, 300)


def test_reading_it_uses_nobodys_random_numbers() -> None:
    before = torch.get_rng_state()
    shipped_classifier.cache_clear()
    shipped_classifier()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_damaged_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped_classifier.cache_clear()
    monkeypatch.setattr(classifier_module, "WEIGHTS", "__init__.py")
    with pytest.raises(WeightsError, match="classifier is missing or damaged; install ganscope"):
        shipped_classifier()
    shipped_classifier.cache_clear()


def test_its_script_repeats_itself() -> None:
    images, labels = built_in(slice(TRAINING.start, 300))
    torch.manual_seed(1)
    one = train_classifier(images, labels, epochs=1)
    torch.manual_seed(2)
    other = train_classifier(images, labels, epochs=1)
    for first, second in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(first, second)


def test_its_script_learns() -> None:
    classifier = train_classifier(*built_in(slice(TRAINING.start, 1_000)), epochs=12)
    assert accuracy(classifier, *built_in(VALIDATION)) > 0.6


def test_its_script_says_how_well_it_does_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = "ganscope.training.scores.train_classifier"
    monkeypatch.setattr(f"{module}.train_classifier", lambda *_: shipped_classifier())
    path = tmp_path / "again.safetensors"
    main([str(path)])
    printed = capsys.readouterr().out
    assert "test        97.80% of 1,000 digits right" in printed
    assert printed.endswith(f"Wrote {path}\n")
    shipped = (resources.files("ganscope.training.scores") / WEIGHTS).read_bytes()
    assert path.read_bytes() == shipped


# -- the figure ----------------------------------------------------------------------------------


def test_as_numpy_computes_it(real: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = real
    with torch.no_grad():
        logits = shipped_classifier()(images).double().numpy()
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    surest = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    found = confidence(images)
    assert found.mean == pytest.approx(surest.mean(), rel=1e-6)
    assert found.error == pytest.approx(surest.std() / math.sqrt(len(images)), rel=1e-6)
    sure = logits.argmax(axis=1)[surest >= 0.5]
    assert found.digits == tuple(np.bincount(sure, minlength=10))
    assert sum(found.digits) + found.unsure == len(labels)
    assert found.mean > 0.95


def test_the_digits_that_are_there_are_told(real: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = real
    chosen = (labels == 3) | (labels == 8)
    found = confidence(images[chosen])
    assert found.digits[3] + found.digits[8] > 0.95 * int(chosen.sum())


@pytest.mark.parametrize("images", [torch.zeros(1, 1, 28, 28), torch.zeros(2, 1, 28, 28) / 0])
def test_what_cannot_be_judged(images: torch.Tensor) -> None:
    with pytest.raises(InputError, match="two images or more, all of finite numbers"):
        confidence(images)
