"""The built-in GANs, by name: ``build("gan", latent_dimension=100)``."""

from __future__ import annotations

from ganscope.zoo import dcgan as _dcgan
from ganscope.zoo import gan as _gan
from ganscope.zoo.arguments import convert_arguments, describe_arguments
from ganscope.zoo.registry import GAN, Entry, build, entries, register

FAMILIES = (_dcgan, _gan)
"""The modules whose import registers the built-in models."""

__all__ = [
    "FAMILIES",
    "GAN",
    "Entry",
    "build",
    "convert_arguments",
    "describe_arguments",
    "entries",
    "register",
]
