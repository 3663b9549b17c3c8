"""The flags of ``ganscope diagram`` that no other verb has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

What = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A recording or a saved trace (FILE.gscope, FILE.json), or what ganscope trace takes: "
        "generator, discriminator, FILE.py:Name, package.module:Name.",
    ),
]
Kind = Annotated[str, typer.Option("--kind", metavar="NAME", help="flow, step, stats or training.")]
Pictures = Annotated[
    list[str] | None,
    typer.Option("-o", "--output", metavar="FILE", help="A .png, .svg or .pdf file; repeatable."),
]
Frames = Annotated[
    Path | None,
    typer.Option(
        "--frames",
        metavar="DIR or FILE.pdf",
        help="As it grows, one page more for each part: pictures in a folder, or one PDF.",
    ),
]
Animation = Annotated[
    Path | None,
    typer.Option(
        "--animate",
        metavar="FILE.gif",
        help="The same as an animation; of a recording, its samples over the steps.",
    ),
]
Sample = Annotated[
    int, typer.Option("--sample", metavar="N", help="Whose values, among those kept.")
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="Of a recording, which network.  \\[default: its generator]",
    ),
]
Step = Annotated[
    int | None,
    typer.Option("--step", metavar="N", help="Of a recording, which step.  \\[default: -1]"),
]
Theme = Annotated[str, typer.Option("--theme", metavar="NAME", help="light, dark or print.")]
Language = Annotated[str, typer.Option("--lang", metavar="NAME", help="en or zh.")]
Size = Annotated[str, typer.Option("--size", metavar="NAME", help="slide, page or square.")]
Transparent = Annotated[bool, typer.Option("--transparent", help="Leave the background out.")]
Title = Annotated[
    str | None, typer.Option("--title", metavar="TEXT", help="Stands above instead of its own.")
]
