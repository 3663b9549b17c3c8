"""The built-in models, listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganscope.views import style

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One built-in GAN, as plain values.

    Attributes:
        name: What a user types.
        summary: What it is, in a sentence.
        source: The paper.
        arguments: What its builder accepts, with defaults.
        generator_parameters: Number of parameters of the generator.
        discriminator_parameters: Number of parameters of the discriminator.
        latent_shape: Shape of one noise vector.
        image_shape: Channels, height, width of one image.
    """

    name: str
    summary: str
    source: str
    arguments: str
    generator_parameters: int
    discriminator_parameters: int
    latent_shape: tuple[int, ...]
    image_shape: tuple[int, ...]


def model_list(rows: Sequence[ModelRow]) -> RenderableType:
    """A block per model: what it is, what flows through it, where it comes from."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    blocks: list[RenderableType] = []
    for row in rows:
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim", no_wrap=True)
        facts.add_column()
        latent, image = style.format_shape(row.latent_shape), style.format_shape(row.image_shape)
        generator = style.format_count(row.generator_parameters)
        discriminator = style.format_count(row.discriminator_parameters)
        facts.add_row("generator", f"{latent} → {image}   {generator} parameters")
        facts.add_row("discriminator", f"{image} → 1   {discriminator} parameters")
        facts.add_row("arguments", row.arguments)
        facts.add_row("source", row.source)
        blocks += [
            Text.assemble((row.name, "bold"), "  ", row.summary),
            Padding(facts, (0, 0, 1, 2)),
        ]
    return Group(*blocks)
