"""From the name of a network to a live one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ganscope.errors import TargetError
from ganscope.subjects.locate import Subject, locate

FILE = """
from dataclasses import dataclass
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4, *, shape: tuple[int, int] = (1, 2), name: str | None = None,
                 flag: bool = False, anything=None):
        super().__init__()
        self.given = (width, shape, name, flag, anything)
        self.linear = nn.Linear(width, 2)

    def forward(self, x):
        return self.linear(x)

@dataclass(eq=False)
class Record(nn.Module):
    width: int = 3

    def __post_init__(self):
        super().__init__()
        self.linear = nn.Linear(self.width, 2)

class Holder:
    class Inner(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)

    net = nn.Linear(5, 5)

class Positional(nn.Module):
    def __init__(self, width, /):
        super().__init__()

class Leaves(nn.Module):
    def __init__(self):
        raise SystemExit("bye")

class Parses(nn.Module):
    def __init__(self):
        import argparse
        argparse.ArgumentParser().parse_args()

ready = nn.Linear(7, 2)
make = lambda width=3: nn.Linear(width, 2)

def build(width: int) -> nn.Module:
    return nn.Linear(width, 2)

def pair():
    return ready, ready
"""


@pytest.fixture(autouse=True)
def file() -> None:
    Path("nets.py").write_text(FILE, encoding="utf-8")


def find(target: str, arguments: Mapping[str, str] | None = None, **keywords: Any) -> Subject:
    settings = {"model": "gan", "seed": 0} | keywords
    return locate(target, arguments=arguments or {}, **settings)


def refusal(target: str, arguments: Mapping[str, str] | None = None) -> str:
    with pytest.raises(TargetError) as caught:
        find(target, arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_built_in_networks_know_their_gan() -> None:
    generator, judge = find("generator"), find("discriminator", model="dcgan")
    assert (generator.name, generator.role) == ("generator", "generator")
    assert (judge.name, judge.role) == ("discriminator", "discriminator")
    assert generator.gan is not None
    assert generator.module is generator.gan.generator
    assert judge.gan is not None
    assert judge.module is judge.gan.discriminator


def test_the_seed_draws_the_weights() -> None:
    weights = [
        next(find(target, seed=seed).module.parameters())
        for target in ("generator", "nets.py:Net")
        for seed in (1, 1, 2)
    ]
    for first, again, other in (weights[:3], weights[3:]):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("target", "name", "width"),
    [
        ("nets.py:Net", "net", 4),
        ("./nets.py:Net", "net", 4),
        ("nets:Net", "net", 4),
        ("nets.py:Record", "record", 3),
        ("nets.py:Holder.Inner", "inner", 2),
        ("nets.py:Holder.net", "net", 5),
        ("nets.py:ready", "ready", 7),
        ("nets.py:make", "make", 3),
    ],
)
def test_users_networks(target: str, name: str, width: int) -> None:
    subject = find(target)
    layer = next(part for part in subject.module.modules() if isinstance(part, nn.Linear))
    assert (subject.name, subject.role, subject.gan) == (name, "unknown", None)
    assert layer.in_features == width


def test_arguments_take_the_types_of_the_signature() -> None:
    arguments = {"width": "6", "shape": "3,4", "name": "none", "flag": "yes", "anything": "[1, 2]"}
    assert find("nets.py:Net", arguments).module.given == (6, (3, 4), None, True, [1, 2])
    assert find("nets.py:Net", {"name": "5"}).module.given[2] == "5"
    assert find("nets.py:build", {"width": "9"}).module.in_features == 9


def test_torchs_own_layers() -> None:
    subject = find("torch.nn:Linear", {"in_features": "3", "out_features": "4"})
    assert isinstance(subject.module, nn.Linear)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nets.py:Positional", "Positional takes width by position only, which --arg cannot give; "
         "name a function that calls it"),
        ("nets.py:Leaves", "Leaves() exits when it is called (exit code bye); mend that first"),
        ("nets.py:Parses", "Parses() parses arguments when it is called (nets.py:41); put that "
         "under if __name__ == '__main__':, or move the class to a file of its own"),
        ("nets.py:build", "build needs width; give --arg width=…"),
        ("nets.py:pair", "pair() returns a tuple; it should return a torch.nn.Module"),
        ("nets.py:Holder", "Holder is a class, but no torch.nn.Module; name a network's class"),
        ("nets.py:Holder.Innr", "nets.py has no 'Holder.Innr'; did you mean 'Holder.Inner'?"),
        ("nets.py:mak", "nets.py has no 'mak'; it holds Net, Record, Positional, Leaves, Parses, "
         "ready; did you mean 'make'?"),
        ("nets.py:nn", "nn is a module; name a torch.nn.Module class, an instance of one, or a "
         "function that returns one"),
        ("torch.nn:Lstm", "torch.nn has no 'Lstm'; it defines no network itself; "
         "did you mean 'LSTM'?"),
        (":Net", "there is no ':Net'; name generator, discriminator, FILE.py:Name or "
         "package.module:Name"),
        ("", "there is no ''; name generator, discriminator, FILE.py:Name or "
         "package.module:Name"),
        ("nets.py:", "nets.py holds Net, Record, Holder, Positional, Leaves, Parses; say which, "
         "such as nets.py:Net"),
        ("..nets:Net", "there is no module '..nets'; name a file (nets.py:Generator) or an "
         "importable module (package.module:Generator)"),
    ],
)  # fmt: skip
def test_what_is_no_network(target: str, said: str) -> None:
    assert refusal(target) == said


def test_a_name_that_python_took_points_to_the_file() -> None:
    Path("json.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n", encoding="utf-8")
    assert refusal("json:net") == (
        "json has no 'net'; that module is Python's own; to look into your file, "
        "write ./json.py:net"
    )
    assert find("./json.py:net").name == "net"


def test_long_lists_are_cut() -> None:
    classes = "".join(f"class N{i}(nn.Module): pass\n" for i in range(20))
    Path("many.py").write_text(f"from torch import nn\n{classes}", encoding="utf-8")
    listed = "N0, N1, N2, N3, N4, N5, N6, N7 and 12 more"
    assert refusal("many.py:Unknown") == f"many.py has no 'Unknown'; it holds {listed}"
    assert refusal("many.py") == f"many.py holds {listed}; say which, such as many.py:N0"


def test_an_instance_takes_no_arguments() -> None:
    assert refusal("nets.py:ready", {"width": "3"}) == (
        "ready is an instance already and takes no --arg; leave it out"
    )
