"""The built-in models, listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from ganscope.views import style
from ganscope.views.cells import wrap

_LABELS = 15
_WIDEST = 100


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
    """A block per model: what it is, what flows through it, what it takes, where it is from."""
    return _ModelList(tuple(rows))


@dataclass(frozen=True, slots=True)
class _ModelList:
    rows: tuple[ModelRow, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        ascii_only = not style.can_encode_glyphs(options.encoding)
        for index, row in enumerate(self.rows):
            if index:
                yield Text("")
            for parts in _block(row, min(options.max_width, _WIDEST)):
                yield _line(parts, ascii_only=ascii_only)
        if self.rows:
            example = f"ganscope trace generator --model {self.rows[0].name}"
            yield Text("")
            yield _line([("try", "quiet"), (f"  {example}", "")], ascii_only=ascii_only)


_Parts = list[tuple[str, str]]
"""Pieces of one line with their styles in the palette."""


def _block(row: ModelRow, width: int) -> Iterator[_Parts]:
    name, *more = wrap(f"{row.name}  {row.summary.removesuffix('.')}", width)
    yield [(row.name, "heading"), (name.removeprefix(row.name), "")]
    yield from ([(f"  {line}", "")] for line in more)
    yield [("─" * width, "rule")]
    yield from _networks(row)
    yield from _labelled("arguments", row.arguments.split(", "), "  ", width)
    yield from _labelled("source", row.source.split(" "), " ", width)


def _networks(row: ModelRow) -> Iterator[_Parts]:
    latent, image = style.format_shape(row.latent_shape), style.format_shape(row.image_shape)
    networks = [
        ("generator", latent, image, style.format_count(row.generator_parameters)),
        ("discriminator", image, "1", style.format_count(row.discriminator_parameters)),
    ]
    widths = [max(len(network[column]) for network in networks) for column in range(4)]
    for name, came_in, came_out, parameters in networks:
        yield [
            (f"{name:<{_LABELS}}", "quiet"),
            (f"{came_in:>{widths[1]}} → {came_out:<{widths[2]}}", "shape"),
            (f"   {parameters:>{widths[3]}} parameters", ""),
        ]


def _labelled(label: str, words: Sequence[str], between: str, width: int) -> Iterator[_Parts]:
    """Whole `words` behind a label, in as many lines as they need."""
    lines = [""]
    for word in words:
        joined = f"{lines[-1]}{between}{word}" if lines[-1] else word
        if lines[-1] and len(joined) > width - _LABELS:
            lines.append(word)
        else:
            lines[-1] = joined
    for line in lines:
        yield [(f"{label:<{_LABELS}}", "quiet"), (line, "")]
        label = ""


def _line(parts: _Parts, *, ascii_only: bool) -> Text:
    text = Text(no_wrap=True, overflow="ignore", end="\n")
    for part, name in parts:
        text.append(style.to_ascii(part) if ascii_only else part, style.PALETTE.get(name, ""))
    text.rstrip()
    return text
