"""Roles of networks, by what they do: never by what they are called.

Concluded from which networks' outputs reached which others on the way to a loss, which networks
were trained on what no network made, and which ones an optimizer updated together. Where no
network is shown both, no role is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from ganscope.traces import Network
from ganscope.traces.expressions import printable

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class Roles:
    """Which role each network of a trace has.

    Args:
        networks: Those of a trace.
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = {network.name: network for network in networks}

    def role(self, name: str) -> str:
        """``generator``, ``discriminator``, ``other`` or ``unknown``."""
        network = self._networks.get(name)
        return network.role if network else "unknown"

    def is_only(self, role: str) -> bool:
        """Whether exactly one network has a role."""
        return sum(network.role == role for network in self._networks.values()) == 1

    def symbol(self, name: str) -> str:
        """``D`` and ``G`` as in the papers, where only one network has the role; else its name."""
        role = self.role(name)
        letter = {GENERATOR: "G", DISCRIMINATOR: "D"}.get(role)
        return letter if letter and self.is_only(role) else printable(name)


@dataclass(slots=True)
class Relations:
    """What the networks of a training loop have done to each other so far.

    Attributes:
        edges: (source, target) for every network's output that reached another network on its
            way to a loss.
        outside: Networks that were trained on what no network made.
        groups: Networks that one optimizer moved together.
    """

    edges: set[tuple[str, str]] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    groups: set[frozenset[str]] = field(default_factory=set)

    def flowed(self, edges: Iterable[tuple[str, str]], outside: Iterable[str]) -> None:
        """So the data flowed in a step that has ended."""
        self.edges.update((source, target) for source, target in edges if source != target)
        self.outside.update(outside)

    def moved(self, networks: Iterable[str]) -> None:
        """An optimizer has moved these."""
        self.groups.add(frozenset(networks))

    def roles(self) -> dict[str, str]:
        """Roles of the networks whose role is known.

        A discriminator judges what another network made and what none made, feeds no other
        network, and is moved without the one that it judges; who feeds it is a generator.
        Where none is moved so, one optimizer may move both. Networks beside these are others:
        encoders, classifiers, averages. What nobody moves (a pretrained network that makes
        features, or a loss) is passed through.
        """
        edges, outside = self._between_moved()
        judges = self._judges(edges, outside, apart=True)
        judges = judges or self._judges(edges, outside, apart=False)
        if not judges:
            return {}
        roles = dict.fromkeys(judges, "discriminator")
        for source, target in edges:
            if target in judges:
                roles.setdefault(source, "generator")
        return roles

    def _between_moved(self) -> tuple[set[tuple[str, str]], set[str]]:
        """Edges and who takes what no network made, past the networks that nobody moves."""
        moved = self._everything_moved()
        edges: set[tuple[str, str]] = set()
        outside = self.outside & moved
        for target in moved:
            waiting, passed = [target], {target}
            while waiting:
                behind = waiting.pop()
                if behind != target and behind in self.outside:
                    outside.add(target)
                for source in {source for source, reached in self.edges if reached == behind}:
                    if source in moved:
                        edges.add((source, target))
                    elif source not in passed:
                        passed.add(source)
                        waiting.append(source)
        return {(source, target) for source, target in edges if source != target}, outside

    def may_judge(self, network: str) -> bool:
        """Whether it may turn out to be a discriminator that has seen no data so far."""
        if network in self.outside or any(source == network for source, _ in self.edges):
            return False
        judged = [source for source, target in self.edges if target == network]
        return any(self._are_apart(source, network) for source in judged)

    def _judges(
        self, edges: Iterable[tuple[str, str]], outside: Set[str], *, apart: bool
    ) -> set[str]:
        feeding = {source for source, _ in edges}
        return {
            target
            for source, target in edges
            if target in outside - feeding and (not apart or self._are_apart(source, target))
        }

    def _are_apart(self, source: str, target: str) -> bool:
        return any(target in group and source not in group for group in self.groups)

    def _everything_moved(self) -> set[str]:
        return {network for group in self.groups for network in group}


def with_roles(networks: Sequence[Network], relations: Relations) -> tuple[Network, ...]:
    """The networks with the roles that the flow of data has shown."""
    roles = relations.roles()
    if not roles:
        return tuple(networks)
    return tuple(
        replace(
            each,
            role=roles.get(each.name, "unknown" if relations.may_judge(each.name) else "other"),
        )
        for each in networks
    )
