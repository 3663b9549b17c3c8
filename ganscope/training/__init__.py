"""A GAN's own training: the real images it learns from, its objectives, one step of it."""

from __future__ import annotations

from ganscope.training.data import digits, load_images, real_images
from ganscope.training.images import Images, fit
from ganscope.training.objectives import find_objective, objective_names
from ganscope.training.setup import begin, build_for
from ganscope.training.step import Figures, Training, train_step

__all__ = [
    "Figures",
    "Images",
    "Training",
    "begin",
    "build_for",
    "digits",
    "find_objective",
    "fit",
    "load_images",
    "objective_names",
    "real_images",
    "train_step",
]
