"""Images as images: the colours of their pixels, and what is black in them."""

from __future__ import annotations

import numpy as np

from ganscope.traces import TensorRecord
from ganscope.views.diagrams.theme import Colours, rgb
from ganscope.views.diagrams.values import Values

_FAINT = 0.25
"""Share of the scale below which an image's contrast is stretched."""


def black_of(record: TensorRecord) -> float:
    """Where an image's scale to 1 begins: at 0 where all samples are within [0, 1]."""
    stats = record.stats
    if stats is None or stats.min is None or stats.max is None:
        return -1.0
    return 0.0 if stats.min >= 0 and stats.max <= 1 else -1.0


def image_colours(
    values: Values, bad: str = "#000000", black: float = -1.0
) -> tuple[Colours, bool]:
    """An image (1 or 3, H, W) as colours, and whether its contrast had to be stretched.

    Args:
        values: Those of its pixels.
        bad: The colour of those that are NaN or infinite.
        black: What is black, where 1 is white.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (black, 1.0)
    stretched = high - low < (1 - black) * _FAINT or low < black - 0.0005 or high > 1.0005
    if not stretched:
        low, high = black, 1.0
    share = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    share = np.where(np.isfinite(share), share, 0)
    channels = np.repeat(share, 3, axis=0) if len(share) == 1 else share
    colours = np.full((*values.shape[1:], 4), 255, np.uint8)
    colours[..., :3] = np.rint(channels.transpose(1, 2, 0) * 255)
    colours[~np.isfinite(values).all(axis=0), :3] = rgb(bad)
    return colours, stretched
