"""``ganscope score RUN``: how good the images of a trained generator are."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.errors import InputError, UsageError

if TYPE_CHECKING:
    import torch

    from ganscope.cli.score_report import Candidate
    from ganscope.training.scores import Reference
    from ganscope.views.scores import Report

LEAST = 500
MOST = 100_000
DEFAULT = 10_000

Run = Annotated[
    Path | None,
    typer.Argument(metavar="RUN", help="The folder that ganscope train wrote."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="Instead of a run: a built-in GAN that was not trained."
    ),
]
Count = Annotated[
    int,
    typer.Option(
        "-n", "--samples", metavar="N", help="Images to draw; the paper's figure is of 10,000."
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", help="Seed of the noise; with --model of weights too.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="WHAT",
        help="Real images to score against: digits, mnist (with its test set), or a folder.  "
        "\\[default: what the run trained on]",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="table, json, csv or markdown.  \\[default: by -o's ending, else table]",
    ),
]


def score(
    run: Run = None,
    *,
    model: Model = None,
    arg: options.Arguments = None,
    samples: Count = DEFAULT,
    data: Data = None,
    seed: Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    view_format: Format = None,
    width: options.Width = None,
    output_file: options.Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Score the images of a trained generator beside an untrained one's and real ones.

    The paper's log-likelihood, how many different images there are, and how sure a classifier
    of digits is of them. Where the run keeps an average of its generator, both are scored.

    ganscope score runs/first

    ganscope score --model gan -n 1000
    """
    _check(run, model, arg, samples)
    options.read_view_numbers(None, width)
    options.read_seed(seed)
    arguments = options.read_arguments(arg)
    output_file = output.read_output(output_file)
    name = view_format or output.choose_format(None, output_file)
    output.check_output(output_file, force=force)
    from ganscope.views.scores.formats import require_format

    require_format(name)
    from ganscope.cli import score_report
    from ganscope.training.scores import read_reference

    where = options.read_device(device)
    options.set_threads(threads, built_in=True)
    if run is not None:
        candidate = score_report.of_run(run)
    else:
        candidate = score_report.of_model(model or options.DEFAULT_MODEL, arguments, seed)
    reference = read_reference(candidate.data if data is None else data)
    with _saying(f"scoring {samples:,} images of each", quiet=quiet):
        report = _report(candidate, reference, samples, seed, where)
    _show(report, name, width, output_file, quiet=quiet)


def _check(run: Path | None, model: str | None, arg: list[str] | None, samples: int) -> None:
    if run is None and model is None:
        raise UsageError(
            "say what to score: a run, as in ganscope score runs/first, or --model gan before "
            "training"
        )
    if run is not None and model is not None:
        raise UsageError(
            f"'{run}' says which model it trained, and --model {model} scores one that was not "
            "trained; leave one of them out"
        )
    if run is not None and arg:
        raise UsageError(f"'{run}' says what its model was built with; leave --arg out")
    if not LEAST <= samples <= MOST:
        raise InputError(
            f"-n {samples}: draw from {LEAST} images, a batch of the diversity figure, to {MOST:,}"
        )


def _report(
    candidate: Candidate, reference: Reference, samples: int, seed: int, device: torch.device
) -> Report:
    from ganscope.cli.score_report import measure

    return measure(candidate, reference, samples, seed=seed, device=device)


def _saying(text: str, *, quiet: bool) -> AbstractContextManager[object]:
    """Something that moves on a terminal while the figures are computed."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)


def _show(report: Report, name: str, width: int | None, path: Path | None, *, quiet: bool) -> None:
    from ganscope.views.present import plain_text
    from ganscope.views.scores.formats import render

    shown = render(report, name)
    if path is not None:
        text = shown if isinstance(shown, str) else plain_text(shown, width or output.FILE_WIDTH)
        output.write_text(path, text + "\n", quiet=quiet)
    elif isinstance(shown, str):
        output.write_to_screen(shown, name)
    else:
        output.print_rich(shown, width or output.screen_width())
