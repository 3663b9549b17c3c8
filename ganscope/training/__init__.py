"""A GAN's own training: the real images it learns from, and one step of it."""

from __future__ import annotations

from ganscope.training.data import digits, load_images, real_images
from ganscope.training.images import Images, fit
from ganscope.training.step import Losses, Training, begin, train_step

__all__ = [
    "Images",
    "Losses",
    "Training",
    "begin",
    "digits",
    "fit",
    "load_images",
    "real_images",
    "train_step",
]
