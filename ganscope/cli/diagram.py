"""``ganscope diagram TARGET or FILE``: pictures for teaching."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.cli import diagram_flags as flags
from ganscope.cli import options
from ganscope.cli.diagram_files import Files, check_files, write_all
from ganscope.cli.subject import Request
from ganscope.cli.trace import failure_line
from ganscope.errors import GanscopeError, UsageError

if TYPE_CHECKING:
    from ganscope.traces import Trace
    from ganscope.views.diagrams import DiagramOptions

_FILES = (".gscope", ".json")
_BUILT_IN = ("generator", "discriminator")


def diagram(
    what: flags.What,
    *,
    kind: flags.Kind = "flow",
    output_files: flags.Pictures = None,
    frames: flags.Frames = None,
    animate: flags.Animation = None,
    sample: flags.Sample = 0,
    network: flags.Network = None,
    step: flags.Step = None,
    theme: flags.Theme = "light",
    lang: flags.Language = "en",
    size: flags.Size = "slide",
    transparent: flags.Transparent = False,
    title: flags.Title = None,
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
    files = Files(tuple(map(Path, output_files or ())), frames, animate, kind, force, quiet)
    look = _look(
        sample=sample, step=step, network=network, theme=theme, language=lang, size=size,
        transparent=transparent, title=title,
    )  # fmt: skip
    _check(kind, look, files)
    request = Request(
        what, model, arg, inputs, batch, seed, device, weights, data, on, evaluation,
        threads=threads, quiet=quiet,
    )  # fmt: skip
    trace = _loaded(request) if is_file(what) else _observed(request, kind, look)
    write_all(trace, kind, look, files)
    if trace.failure is not None and not is_file(what):
        raise GanscopeError(failure_line(trace))


def _loaded(request: Request) -> Trace:
    _refuse_flags_of_a_target(request)
    from ganscope.records import load

    return load(Path(request.target))


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
