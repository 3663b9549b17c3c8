"""A GAN's own training: the real images it learns from."""

from __future__ import annotations

from ganscope.training.data import digits, load_images, real_images
from ganscope.training.images import Images, fit

__all__ = ["Images", "digits", "fit", "load_images", "real_images"]
