"""The networks of a trace under the names that sentences call them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganscope.traces import Network
from ganscope.views import style

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class Cast:
    """Who plays which role.

    Args:
        networks: Those of a trace.
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = {network.name: network for network in networks}

    def role(self, name: str) -> str:
        """``generator``, ``discriminator``, ``other`` or ``unknown``."""
        network = self._networks.get(name)
        return network.role if network else "unknown"

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

    def symbol(self, name: str) -> str:
        """``D`` and ``G`` as in the papers, where there is but one of the role; else its name."""
        role = self.role(name)
        letter = {GENERATOR: "G", DISCRIMINATOR: "D"}.get(role)
        return letter if letter and self._alone(role) else style.printable(name)

    def _alone(self, role: str) -> bool:
        return sum(network.role == role for network in self._networks.values()) == 1

    def _article(self, role: str) -> str:
        return "the" if self._alone(role) else "a"


def joined(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = names or ("nothing",)
    return f"{', '.join(first)} and {last}" if first else last


def numeral(index: int) -> str:
    """Place of an update in its step, from 0, as it is shown: ``①``."""
    return style.CIRCLED[index] if 0 <= index < len(style.CIRCLED) else f"({index + 1})"


def possessive(name: str) -> str:
    """``the generator's``."""
    return f"{name}'s"
