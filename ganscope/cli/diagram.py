"""``ganscope diagram TARGET or FILE``: pictures for teaching."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options
from ganscope.cli.diagram_files import Files, check_files, write_all
from ganscope.cli.subject import Request
from ganscope.errors import UsageError

if TYPE_CHECKING:
    from ganscope.traces import Trace
    from ganscope.views.diagrams import DiagramOptions

_FILES = (".gscope", ".json")
_BUILT_IN = ("generator", "discriminator")

What = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A recording or a saved trace (FILE.gscope, FILE.json), or what ganscope trace takes: "
        "generator, discriminator, FILE.py:Name, package.module:Name.",
    ),
]


def diagram(
    what: What,
    *,
    kind: Annotated[
        str, typer.Option("--kind", metavar="NAME", help="flow, step, stats or training.")
    ] = "flow",
    output_files: Annotated[
        list[str] | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A .png, .svg or .pdf file; repeatable."
        ),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="DIR or FILE.pdf",
            help="As it grows, one page more for each part: pictures in a folder, or one PDF.",
        ),
    ] = None,
    animate: Annotated[
        Path | None,
        typer.Option(
            "--animate",
            metavar="FILE.gif",
            help="The same as an animation; of a recording, its samples over the steps.",
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", help="Whose values, among those kept.")
    ] = 0,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="NAME",
            help="Of a recording, which network.  \\[default: its generator]",
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="N", help="Of a recording, which step.  \\[default: -1]"),
    ] = None,
    theme: Annotated[
        str, typer.Option("--theme", metavar="NAME", help="light, dark or print.")
    ] = "light",
    lang: Annotated[str, typer.Option("--lang", metavar="NAME", help="en or zh.")] = "en",
    size: Annotated[
        str, typer.Option("--size", metavar="NAME", help="slide, page or square.")
    ] = "slide",
    transparent: Annotated[
        bool, typer.Option("--transparent", help="Leave the background out.")
    ] = False,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Stands above instead of its own.")
    ] = None,
    model: options.Model = None,
    arg: options.Arguments = None,
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    on: options.On = None,
    data: options.Data = None,
    weights: options.Weights = None,
    evaluation: options.Evaluation = False,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw a network or a training for a lecture: real values in every block.

    ganscope diagram generator -o flow.png

    ganscope diagram discriminator --theme dark --lang zh -o d.svg -o d.pdf

    ganscope diagram run.gscope --kind training -o training.png
    """
    files = Files(tuple(map(Path, output_files or ())), frames, animate, kind, force)
    look = _look(
        sample=sample, step=step, network=network, theme=theme, language=lang, size=size,
        transparent=transparent, title=title,
    )  # fmt: skip
    _check(kind, look, files)
    request = Request(
        what, model, arg, inputs, batch, seed, device, weights, data, on, evaluation,
        threads=threads, quiet=quiet,
    )  # fmt: skip
    if is_file(what):
        _refuse_flags_of_a_target(request)
        from ganscope.records import load

        trace = load(Path(what))
    else:
        trace = _observed(request, kind, look)
    write_all(trace, kind, look, files)


def is_file(what: str) -> bool:
    """Whether a recording is meant and no network."""
    if what in _BUILT_IN:
        return False
    if what.lower().endswith(_FILES):
        return True
    return ":" not in what and not what.endswith(".py") and Path(what).is_file()


def _look(**values: object) -> DiagramOptions:
    from ganscope.views.diagrams import DiagramOptions

    return DiagramOptions(**values)  # type: ignore[arg-type]


def _check(kind: str, look: DiagramOptions, files: Files) -> None:
    """Refuse before any work what could not be drawn or written afterwards."""
    from ganscope.views.diagrams.kinds import require_kind
    from ganscope.views.diagrams.options import check

    require_kind(kind)
    check(look)
    check_files(files)
    if look.language != "en":
        from ganscope.views.diagrams.fonts import families

        families(look.language)


def _refuse_flags_of_a_target(request: Request) -> None:
    given = {
        "--model": request.model, "--arg": request.arguments, "--input": request.inputs,
        "--batch": request.batch, "--on": request.on, "--data": request.data,
        "--weights": request.weights, "--eval": request.evaluation or None,
        "--threads": request.threads,
    }  # fmt: skip
    flags = [flag for flag, value in given.items() if value is not None]
    if flags:
        raise UsageError(
            f"{flags[0]} is for a network that is run; {request.target} is a recording: leave it "
            "out"
        )


def _observed(request: Request, kind: str, look: DiagramOptions) -> Trace:
    """Run the network once, or one training step of a built-in GAN."""
    if kind == "training":
        raise UsageError(
            "--kind training draws a recording of many steps: make one with ganscope train "
            "--record run.gscope, or ganscope run -o run.gscope SCRIPT"
        )
    for flag, value in (("--network", look.network), ("--step", look.step)):
        if value is not None:
            raise UsageError(f"{flag} is for a recording; leave it out for {request.target}")
    from ganscope.cli import step_run, trace

    return step_run.observed(request) if kind == "step" else trace.observed(request)
