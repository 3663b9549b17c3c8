"""Flags that mean the same thing everywhere, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.errors import InputError, TargetError, UsageError, nearest

if TYPE_CHECKING:
    import torch

DEFAULT_BATCH = 64
DEFAULT_MODEL = "gan"

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="generator or discriminator (of --model), FILE.py:Name, or package.module:Name; "
        "a class, an instance, or a function that returns one.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help=f"Built-in GAN; see ganscope models.  \\[default: {DEFAULT_MODEL}]",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="KEY=VALUE", help="An argument of the constructor; repeatable."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="SPEC",
        help="An input: 64x100, int64:64, int64:64:0..9, labels=int64:64:0..9; repeatable.",
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="nonsaturating, minimax, lsgan, wgan, wgan-gp or hinge.  \\[default: nonsaturating]",
    ),
]
DSteps = Annotated[
    int | None,
    typer.Option(
        "--d-steps",
        metavar="K",
        help="Updates of the discriminator for one of the generator."
        "  \\[default: the objective's paper's]",
    ),
]
First = Annotated[
    str | None,
    typer.Option(
        "--first",
        metavar="NETWORK",
        help="Whose update comes first: generator or discriminator.  \\[default: generator]",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option("--batch", metavar="N", help=f"Rows in the batch.  \\[default: {DEFAULT_BATCH}]"),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of weights and noise.")]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:0, mps or auto.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        help="Threads to compute with.  \\[default: 1 for built-in networks, else torch's own]",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="A state dict (.pt or .safetensors), or the folder of a training run.",
    ),
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="WHAT", help="Show the discriminator real images, or fake ones."),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="WHAT",
        help="Real images: digits (built in), digits-8000 (without those that score tests with), "
        "mnist, or a folder.",
    ),
]
Evaluation = Annotated[bool, typer.Option("--eval", help="Evaluation mode instead of training.")]
Gradients = Annotated[bool, typer.Option("--grad", help="Let autograd follow the forward.")]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="GLOB", help="Only calls whose path matches: '*.model.1*'."),
]
Depth = Annotated[
    int | None,
    typer.Option("--depth", metavar="N", help="Levels of the tree to show; 1 is the network."),
]
NoOperations = Annotated[bool, typer.Option("--no-ops", help="Leave functional operations out.")]
Values = Annotated[bool, typer.Option("--values", help="Show the first values of each output.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="What it means, for learners, with these numbers.")
]
ShowGradients = Annotated[
    bool, typer.Option("--show-grads", help="Show the gradient at every layer.")
]
ShowUpdates = Annotated[
    bool, typer.Option("--show-updates", help="Show the parameters one by one.")
]
ShowCalls = Annotated[bool, typer.Option("--show-calls", help="Show every call.")]
KeepSamples = Annotated[
    bool, typer.Option("--keep-samples", help="Keep real values for the pictures.")
]
Width = Annotated[int | None, typer.Option("--width", metavar="N", help="Columns of text to fill.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="table, json, csv, markdown or html.  \\[default: by -o's ending, else table]",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write to FILE instead of the screen."),
]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing FILE.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No remarks on standard error.")]


def read_arguments(texts: list[str] | None) -> dict[str, str]:
    """``key=value`` texts as a dict.

    Raises:
        TargetError: A text is not ``key=value``, or a key is given twice.
    """
    arguments: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key.isidentifier():
            raise TargetError(f"--arg {text} is not KEY=VALUE; try --arg latent_dimension=64")
        if key in arguments:
            raise TargetError(f"--arg {key} was given twice; give it once")
        arguments[key] = value
    return arguments


def read_batch(batch: int | None) -> int:
    """The batch size, 64 where none was given.

    Raises:
        InputError: It is below 1.
    """
    if batch is None:
        return DEFAULT_BATCH
    if batch < 1:
        raise InputError(
            f"--batch {batch}: a batch has at least 1 row; try --batch {DEFAULT_BATCH}"
        )
    return batch


def read_first(first: str | None) -> bool:
    """Whether the generator's update comes first.

    Raises:
        UsageError: It names no network.
    """
    networks = ("generator", "discriminator")
    if first is not None and first not in networks:
        raise UsageError(
            f"--first {first}: either the generator or the discriminator is updated first"
            + nearest(first, networks)
        )
    return first != "discriminator"


def read_d_steps(d_steps: int | None) -> int | None:
    """How often the discriminator is updated in a step; None leaves it to the objective.

    Raises:
        InputError: The number is below 1 or beyond 1,000.
    """
    if d_steps is not None and not 1 <= d_steps <= 1000:
        raise InputError(f"--d-steps {d_steps}: give a number from 1 to 1000")
    return d_steps


def read_view_numbers(depth: int | None, width: int | None) -> None:
    """Refuse a depth or a width that shows nothing.

    Raises:
        UsageError: The depth is below 1 or the width below 40.
    """
    if depth is not None and depth < 1:
        raise UsageError(f"--depth {depth} shows nothing; 1 is the network, 2 its parts")
    if width is not None and width < 40:
        raise UsageError(f"--width {width} is too narrow for a table; give at least 40")


def read_seed(seed: int) -> int:
    """The seed.

    Raises:
        InputError: It does not fit into 63 bits.
    """
    if not 0 <= seed < 1 << 63:
        raise InputError(f"--seed {seed}: a seed is a whole number from 0 to 2^63 - 1")
    return seed


def set_threads(threads: int | None, *, built_in: bool) -> None:
    """Let torch compute with so many threads.

    A built-in network is so small that waking a second thread takes longer than its share of
    the work; and with one its figures are the same on every machine.

    Raises:
        InputError: The number is below 1 or beyond 1,024.
    """
    import torch

    if threads is not None and not 1 <= threads <= 1024:
        raise InputError(f"--threads {threads}: give a number from 1 to 1024")
    if threads is not None or built_in:
        torch.set_num_threads(threads or 1)


def read_device(name: str) -> torch.device:
    """The device, ``auto`` taking the best there is.

    Raises:
        InputError: The name is unknown, or there is no such device here.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    known = ("cpu", "cuda", "mps", "auto")
    if kind not in known or (index and not index.isdigit()):
        raise InputError(
            f"--device {name} is no device; there are cpu, cuda, cuda:0, mps and auto"
            + nearest(name, known)
        )
    here = {"cpu": True, "cuda": cuda, "mps": mps}[kind]
    if not here or (kind == "cuda" and index and int(index) >= torch.cuda.device_count()):
        raise InputError(f"--device {name} is not available here; try --device cpu")
    return torch.device(name)
