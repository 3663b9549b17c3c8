"""``ganscope train``: the walkthrough's training loop, whole."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from ganscope.cli import options, output
from ganscope.cli.command import command_line
from ganscope.cli.train_request import EPOCHS, SAMPLE_INTERVAL, Request

_ENDED = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""The exit codes that shells give to them."""


Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        help=f"How often all images are seen.  \\[default: {EPOCHS}]",
    ),
]
Steps = Annotated[int | None, typer.Option("--steps", metavar="N", help="End after so many steps.")]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        metavar="X",
        help="Of both optimizers.  \\[default: the objective's paper's]",
    ),
]
Betas = Annotated[
    str | None,
    typer.Option("--betas", metavar="X,Y", help="Adam's.  \\[default: the objective's paper's]"),
]
Average = Annotated[bool, typer.Option("--ema", help="Keep an average of the generator beside it.")]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", help="Seed of weights, noise and data order.  \\[default: 0]"
    ),
]
LowerPrecision = Annotated[
    bool, typer.Option("--amp", help="Forwards in lower precision (autocast).")
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile both networks first.")]
SampleInterval = Annotated[
    int | None,
    typer.Option(
        "--sample-interval",
        metavar="N",
        help=f"Steps between two sample grids; 0 for none.  \\[default: {SAMPLE_INTERVAL}]",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="Where the run is kept.  \\[default: runs/MODEL-DATE]",
    ),
]
Force = Annotated[
    bool, typer.Option("-f", "--force", help="Replace the run, or the recording, there.")
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Go on with the run in this folder."),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Record the run into a .gscope file."),
]
Every = Annotated[
    int | None,
    typer.Option("--every", metavar="N", help="Record every N-th step alone.  \\[default: 1]"),
]
StopOnNan = Annotated[
    bool, typer.Option("--stop-on-nan", help="End at the first loss that is no number.")
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        "--progress",
        metavar="HOW",
        help="bar or lines.  \\[default: bar on a terminal, else lines]",
    ),
]


def train(
    *,
    model: options.Model = None,
    arg: options.Arguments = None,
    objective: options.Objective = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: options.Batch = None,
    data: options.Data = None,
    d_steps: options.DSteps = None,
    first: options.First = None,
    learning_rate: LearningRate = None,
    betas: Betas = None,
    ema: Average = False,
    seed: Seed = None,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    amp: LowerPrecision = False,
    compile_networks: Compile = False,
    sample_interval: SampleInterval = None,
    output_folder: Folder = None,
    force: Force = False,
    resume: Resume = None,
    record: Record = None,
    every: Every = None,
    keep_samples: options.KeepSamples = False,
    stop_on_nan: StopOnNan = False,
    log: Log = None,
    quiet: options.Quiet = False,
) -> int:
    """Train a built-in GAN; everything it comes to is kept in one folder.

    ganscope train --epochs 5

    ganscope train --model dcgan --objective hinge --steps 2000 --ema -o runs/hinge

    ganscope train --resume runs/hinge
    """
    request = Request(
        model, arg, objective, epochs, steps, batch, data, d_steps, first, learning_rate, betas,
        ema, seed, threads, amp, compile_networks, sample_interval, output_folder, force, resume,
    )  # fmt: skip
    from ganscope.cli.train_display import choose
    from ganscope.cli.train_run import Manner, execute

    display = choose(log, quiet=quiet)
    recording = _recording(record, every, keep_samples=keep_samples, force=force)
    request.check()
    where = options.read_device(device)
    manner = Manner(
        where, recording, every or 1, keep_samples, stop_on_nan, force, command_line(), quiet
    )
    received = execute(request, manner, display)
    return _ENDED.get(signal.Signals(received), 1) if received else 0


def _recording(
    record: Path | None, every: int | None, *, keep_samples: bool, force: bool
) -> Path | None:
    """The file to record to.

    Raises:
        UsageError: ``--every`` or ``--keep-samples`` without a recording, or a number below 1.
        OutputError: It cannot be written.
    """
    from ganscope.errors import UsageError

    if every is not None and record is None:
        raise UsageError("--every says which steps are recorded; give --record FILE too")
    if keep_samples and record is None:
        raise UsageError("--keep-samples is of a recording's pictures; give --record FILE too")
    if every is not None and every < 1:
        raise UsageError(f"--every {every}: give a number of steps, at least 1")
    if record is None:
        return None
    path = output.per_rank(record)
    output.check_output(path, force=force)
    return path
