"""``ganscope sample RUN``: new images from a trained generator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from ganscope.cli import options, output
from ganscope.errors import InputError, OutputError, RunError

_ENDING = ".png"
_MOST = 10_000

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder that ganscope train wrote.")
]


def sample(
    run: RunFolder,
    *,
    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", help="How many images to draw.")
    ] = 64,
    columns: Annotated[
        int | None,
        typer.Option("--columns", metavar="N", help="Images in a row.  \\[default: a square]"),
    ] = None,
    averaged: Annotated[
        bool, typer.Option("--averaged", help="From the average that train --ema keeps.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the noise.")] = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    output_file: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The picture, a PNG file."),
    ] = Path("samples.png"),
    force: options.Force = False,
) -> None:
    """Draw new images from a trained run, as one picture.

    ganscope sample runs/first -n 64 -o grid.png
    """
    if not 1 <= count <= _MOST:
        raise InputError(f"-n {count}: draw from 1 to {_MOST:,} images")
    if columns is not None and not 1 <= columns <= count:
        raise InputError(f"--columns {columns}: give a number from 1 to {count}, the images")
    if output_file.suffix.lower() != _ENDING:
        raise OutputError(f"-o {output_file}: the grid is a PNG; end the name in {_ENDING}")
    output.check_output(output_file, force=force)
    options.read_seed(seed)
    from ganscope.training.grids import grid_bytes
    from ganscope.training.runs import draw, open_run, require_finite

    where = options.read_device(device)
    options.set_threads(threads, built_in=True)
    trained = open_run(run)
    generator = trained.averaged if averaged else trained.gan.generator
    if generator is None:
        raise RunError(f"'{run}' keeps no average of its generator; train with --ema for one")
    images = draw(generator.to(where), trained.gan.latent_shape, count, seed=seed)
    require_finite(images, f"'{run}'", run)
    grid = grid_bytes(images, columns or math.ceil(math.sqrt(count)))
    output.write_bytes(output_file, grid)
