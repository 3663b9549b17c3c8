"""The networks of a trace under the names that sentences call them by."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.analysis.forwards import Forward, is_noise
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR, Roles
from ganscope.views import style


class Cast(Roles):
    """What networks are called in sentences, by their roles."""

    def named(self, name: str) -> str:
        """``the generator`` where a network is called by its role, else its name."""
        return f"the {name}" if name == self.role(name) else style.printable(name)

    def introduced(self, name: str) -> str:
        """``the generator``, or ``netG, the generator``: name and role at once."""
        role = self.role(name)
        if role in (GENERATOR, DISCRIMINATOR) and role != name:
            return f"{style.printable(name)}, {self._article(role)} {role}"
        return self.named(name)

    def sentence(self, text: str) -> str:
        """A sentence begun with a capital letter; a name from the code stays as it is."""
        first = text.partition(" ")[0].removesuffix(",").removesuffix("'s")
        plain = first.isalpha() and first.islower() and first not in self._networks
        return text[:1].upper() + text[1:] if plain else text

    def _article(self, role: str) -> str:
        return "the" if self.is_only(role) else "a"


def joined(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = names or ("nothing",)
    return f"{', '.join(first)} and {last}" if first else last


def numeral(index: int) -> str:
    """Place of an update in its step, from 0, as it is shown: ``①``."""
    return style.CIRCLED[index] if 0 <= index < len(style.CIRCLED) else f"({index + 1})"


def noun_of(forward: Forward) -> str:
    """``images``, or ``samples`` for vectors: codes, points, noise, flattened images."""
    shape = forward.inputs[0].record.shape if forward.inputs else None
    return "samples" if is_noise(shape) else "images"


def possessive(name: str) -> str:
    """``the generator's``."""
    return f"{name}'s"
