"""Weights into a module: safely, wholly or not at all, and said in words."""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ganscope.errors import WeightsError
from ganscope.subjects.weights import load_weights

State = dict[str, Tensor]


def generator() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def discriminator() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(), nn.Linear(4, 1))


G, D = generator().state_dict(), discriminator().state_dict()


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def saved(content: object, file: str = "w.pt", **keywords: object) -> Path:
        torch.save(content, tmp_path / file, **keywords)  # type: ignore[arg-type]
        return tmp_path / file

    return saved


def loaded(path: Path, expected: State = G, name: str = "generator") -> list[str]:
    """The notes of loading, after a look that exactly `expected` arrived."""
    module = generator() if name == "generator" else discriminator()
    notes = load_weights(module, path, name=name)
    for key, value in module.state_dict().items():
        assert torch.equal(value, expected[key])
    return notes


def refused(path: Path, module: nn.Module | None = None, name: str = "generator") -> str:
    """The message of the refusal, after a look that nothing was loaded."""
    module = module or generator()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(module, path, name=name)
    assert "\n" not in str(caught.value)
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
    return str(caught.value)


# What loads


@pytest.mark.parametrize("file", ["w.pt", "w.pth", "w.bin", "w.ckpt", "w.PT"])
def test_a_state_dict(save: Callable[..., Path], file: str) -> None:
    assert loaded(save(G, file)) == []


def test_the_older_format_of_torch_save(save: Callable[..., Path]) -> None:
    assert loaded(save(G, _use_new_zipfile_serialization=False)) == []


def test_safetensors(tmp_path: Path) -> None:
    save_file(G, tmp_path / "w.safetensors")
    assert loaded(tmp_path / "w.safetensors") == []


@pytest.mark.parametrize(
    "prefix, notes",
    [
        ("module.", ["w.pt: stripped the prefix 'module.'"]),
        ("_orig_mod.", ["w.pt: stripped the prefix '_orig_mod.'"]),
        (
            "_orig_mod.module.",
            ["w.pt: stripped the prefix '_orig_mod.'", "w.pt: stripped the prefix 'module.'"],
        ),
    ],
)
def test_prefixes_of_wrappers(save: Callable[..., Path], prefix: str, notes: list[str]) -> None:
    assert loaded(save(prefixed(prefix, G))) == notes


def test_a_compiled_submodule(save: Callable[..., Path]) -> None:
    state = {key.replace(".", "._orig_mod."): value for key, value in G.items()}
    assert loaded(save(state)) == ["w.pt: stripped the prefix '_orig_mod.'"]


def test_a_name_of_the_modules_own_is_no_prefix(save: Callable[..., Path]) -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = generator()

    assert load_weights(Outer(), save(prefixed("module.", G)), name="outer") == []


def test_a_wrapped_module_takes_plain_weights(save: Callable[..., Path]) -> None:
    wrapped = nn.DataParallel(generator())
    assert load_weights(wrapped, save(G), name="generator") == []
    assert torch.equal(wrapped.module[0].weight, G["0.weight"])


@pytest.mark.parametrize(
    "content, entry",
    [
        ({"G": G, "D": D, "epoch": 3}, "G"),
        ({"state_dict": G}, "state_dict"),
        ({"generator": G, "loss": 0.5, "history": [1, 2]}, "generator"),
        ({"models": {"netG": G, "netD": D}}, "models.netG"),
        ({"G": G, "G_ema": G}, "G"),
        ({"ema": G, "generator": G}, "generator"),
        ({"D": G, "G_state_dict": G}, "G_state_dict"),
        (prefixed("generator.", G) | prefixed("discriminator.", D), "generator"),
        (
            {"state_dict": prefixed("generator.", G) | prefixed("discriminator.", D)},
            "state_dict.generator",
        ),
    ],
)
def test_the_entry_that_fits(save: Callable[..., Path], content: object, entry: str) -> None:
    assert loaded(save(content)) == [f"w.pt: took the entry '{entry}' for generator"]


def test_the_other_network_of_the_same_file(save: Callable[..., Path]) -> None:
    path = save({"G": G, "D": D})
    assert loaded(path, D, "discriminator") == ["w.pt: took the entry 'D' for discriminator"]


def test_the_name_decides_between_networks_alike(save: Callable[..., Path]) -> None:
    other = {key: value + 1 for key, value in D.items()}
    path = save({"critic": other, "gen": D})
    assert loaded(path, other, "discriminator") == [
        "w.pt: took the entry 'critic' for discriminator"
    ]


def test_the_very_name_goes_before_its_synonyms(save: Callable[..., Path]) -> None:
    path = save({"G": {key: value + 1 for key, value in G.items()}, "generator": G})
    assert loaded(path) == ["w.pt: took the entry 'generator' for generator"]


def test_a_wrapper_around_one_network_of_the_file(save: Callable[..., Path]) -> None:
    path = save({"G": prefixed("module.", G), "D": prefixed("module.", D)})
    assert loaded(path) == [
        "w.pt: took the entry 'G' for generator",
        "w.pt: stripped the prefix 'module.'",
    ]


def test_a_checkpoint_with_its_optimizer(save: Callable[..., Path]) -> None:
    module = generator()
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    path = save({"model": module.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1})
    assert loaded(path, module.state_dict()) == ["w.pt: took the entry 'model' for generator"]


def test_half_precision_is_converted(save: Callable[..., Path]) -> None:
    halves = {key: v.half() if v.is_floating_point() else v for key, v in G.items()}
    module = generator()
    assert load_weights(module, save(halves), name="generator") == [
        "w.pt: converted weights from float16 to float32"
    ]
    assert module[0].weight.dtype == torch.float32
    assert torch.equal(module[0].weight, halves["0.weight"].float())


def test_counters_that_old_versions_did_not_save(save: Callable[..., Path]) -> None:
    state = {key: value for key, value in G.items() if not key.endswith("tracked")}
    assert loaded(save(state)) == ["w.pt: without 1.num_batches_tracked; kept as they were"]


def test_a_lazy_module_takes_its_shape_from_the_file(save: Callable[..., Path]) -> None:
    lazy = nn.LazyLinear(4)
    assert load_weights(lazy, save(nn.Linear(3, 4).state_dict()), name="lazy") == []
    assert lazy.weight.shape == (4, 3)


def test_a_parametrized_module(save: Callable[..., Path]) -> None:
    norm = nn.utils.parametrizations.spectral_norm
    given, module = norm(nn.Linear(3, 4)), norm(nn.Linear(3, 4))
    assert load_weights(module.eval(), save(given.state_dict()), name="layer") == []
    assert torch.equal(module.weight, given.eval().weight)


# What is unsafe


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_never_run(
    save: Callable[..., Path], tmp_path: Path, zipped: bool
) -> None:
    witness = tmp_path / "executed"
    path = save({**G, "x": Malicious(witness)}, _use_new_zipfile_serialization=zipped)
    said = refused(path)
    assert said.startswith(f"'{path}' holds Python code (")
    assert said.endswith(
        "), not only tensors, and is not opened; "
        "save model.state_dict() instead of the model: torch.save(model.state_dict(), path)"
    )
    assert not witness.exists()
    with path.open("rb"):
        torch.load(path, weights_only=False)  # the trap is a real one
    assert witness.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_is_not_opened(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "executed"
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps(Malicious(witness), protocol=protocol))
    assert refused(path).startswith(f"'{path}' ")
    assert not witness.exists()


def test_a_plain_pickle_of_a_newer_protocol_is_suspected(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps(G, protocol=4))
    assert refused(path).startswith(f"'{path}' may hold Python code, not only tensors, and")


def test_a_whole_module(save: Callable[..., Path]) -> None:
    path = save(generator())
    assert refused(path) == (
        f"'{path}' holds Python code (torch.nn.modules.container.Sequential), not only tensors, "
        "and is not opened; save model.state_dict() instead of the model: "
        "torch.save(model.state_dict(), path)"
    )


def test_arguments_of_a_script_beside_the_weights(save: Callable[..., Path]) -> None:
    path = save({"G": G, "args": argparse.Namespace(lr=0.1)})
    assert "holds Python code (argparse.Namespace)" in refused(path)


def test_torch_script(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(str(path))
    assert refused(path).startswith(f"'{path}' holds Python code, not only tensors, and")


# What is missing or damaged

KINDS = "(.pt, .pth, .bin, .ckpt, .safetensors)"


def test_a_missing_file(save: Callable[..., Path], tmp_path: Path) -> None:
    save(G, "generator.pt")
    (tmp_path / "generator.txt").touch()
    path = tmp_path / "generater.pt"
    assert refused(path) == f"no weights at '{path}'; did you mean 'generator.pt'?"
    path = tmp_path / "quite_another_thing.safetensors"
    assert refused(path) == f"no weights at '{path}'; expected a file of weights {KINDS}"
    path = tmp_path / "runs" / "w.pt"
    assert refused(path) == (
        f"no weights at '{path}': there is no folder '{path.parent}'; try the path from here"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"'{tmp_path}' is a folder that holds no training run; expected a file of weights {KINDS}"
    )


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("print()")
    assert refused(path) == (
        f"'{path}' ends in '.py'; expected a file of weights {KINDS}; "
        "try torch.save(model.state_dict(), 'weights.pt')"
    )


@pytest.mark.parametrize("file", ["w.pt", "w.safetensors"])
def test_an_empty_file(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    path.touch()
    assert refused(path) == f"'{path}' is empty; expected weights; try to save or copy it again"


@pytest.mark.parametrize("kept", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file(save: Callable[..., Path], kept: float, zipped: bool) -> None:
    path = save(G, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert refused(path) == (
        f"'{path}' is damaged or not a file of torch.save; try to save or copy it again"
    )


@pytest.mark.parametrize("content", [b"hello world", b"<html></html>", b"\x00" * 99, b"PK\x03\x04"])
def test_a_foreign_file(tmp_path: Path, content: bytes) -> None:
    for file, kind in (("w.pt", "file of torch.save"), ("w.safetensors", "safetensors file")):
        path = tmp_path / file
        path.write_bytes(content)
        said = f"'{path}' is damaged or not a {kind}; try to save or copy it again"
        assert refused(path) == said


def test_a_truncated_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(G, path)
    path.write_bytes(path.read_bytes()[:-3])
    assert refused(path).startswith(f"'{path}' is damaged or not a safetensors file")


@pytest.mark.parametrize(
    "content, kind",
    [
        ([1, 2], "a list"),
        (torch.ones(3), "a Tensor"),
        ({}, "a dict"),
        ({"epoch": 3, "a": 1, "b": 2, "c": 3}, "a dict with 'epoch', 'a', 'b' and 1 more"),
        ({0: torch.ones(1)}, "a dict with 0"),
    ],
)
def test_no_weights_in_it(save: Callable[..., Path], content: object, kind: str) -> None:
    path = save(content)
    assert refused(path) == (
        f"'{path}' holds {kind} and no weights by name; expected a state_dict; "
        "try torch.save(model.state_dict(), path)"
    )


# What does not fit

MEND = "build generator with the arguments that these weights were trained with"


def test_another_shape(save: Callable[..., Path]) -> None:
    path = save({**G, "0.weight": torch.ones(4, 5), "1.num_batches_tracked": torch.ones(2)})
    assert refused(path) == (
        f"'{path}' does not fit generator: 0.weight is 4×5 in the file and 4×3 in generator, "
        f"1.num_batches_tracked is 2 in the file and one number in generator; {MEND}"
    )


def test_missing_and_unexpected_keys(save: Callable[..., Path]) -> None:
    state = {key: value for key, value in G.items() if not key.startswith("0")}
    path = save({**state, "9.scale": torch.ones(1)})
    assert refused(path) == (
        f"'{path}' does not fit generator: missing 2 of 9 keys (0.weight, 0.bias); "
        f"unexpected 1 key (9.scale); {MEND}"
    )


def test_long_lists_are_cut(save: Callable[..., Path]) -> None:
    path = save({f"layer_{i}": torch.ones(1) for i in range(9)})
    assert refused(path) == (
        f"'{path}' does not fit generator: "
        "missing 8 of 9 keys (0.weight, 0.bias, 1.weight and 5 more); "
        f"unexpected 9 keys (layer_0, layer_1, layer_2 and 6 more); {MEND}"
    )


def test_the_entry_of_that_name_is_explained(save: Callable[..., Path]) -> None:
    path = save({"D": D, "netG": {**G, "0.weight": torch.ones(4, 5)}})
    assert refused(path) == (
        f"'{path}' does not fit generator: "
        f"0.weight is 4×5 in 'netG' of the file and 4×3 in generator; {MEND}"
    )


def test_the_part_of_a_whole_gan_is_explained(save: Callable[..., Path]) -> None:
    wrong = prefixed("generator.", {**G, "0.weight": torch.ones(4, 5)})
    path = save(wrong | prefixed("discriminator.", D))
    assert refused(path) == (
        f"'{path}' does not fit generator: "
        f"0.weight is 4×5 in 'generator' of the file and 4×3 in generator; {MEND}"
    )


def test_a_file_that_may_not_be_read(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = save(G)
    monkeypatch.setattr(torch, "load", forbidden)
    assert refused(path) == f"'{path}' cannot be read (Permission denied); see its permissions"


def test_entries_are_listed_when_none_has_the_name(save: Callable[..., Path]) -> None:
    path = save({"encoder": nn.Linear(7, 7).state_dict(), "decoder": D})
    said = refused(path)
    assert said.startswith(f"'{path}' holds 'encoder', 'decoder', none of which fits generator: ")
    assert said.endswith(MEND)


def test_several_entries_that_fit(save: Callable[..., Path]) -> None:
    path = save({"first": G, "second": G})
    assert refused(path) == (
        f"'{path}' holds several entries that fit generator: 'first', 'second'; "
        "save the one you mean in a file of its own"
    )


def test_complex_weights_lose_nothing_silently(save: Callable[..., Path]) -> None:
    path = save({**G, "0.bias": torch.ones(4, dtype=torch.complex64)})
    assert "0.bias is complex 4 in the file and 4 in generator" in refused(path)
