"""Calls recorded under the name of a network that turned out to be part of another, or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganscope.probe.drafts import Draft

Place = tuple[str, str]
"""Network and path."""


def move(drafts: Sequence[Draft], places: Mapping[str, Place]) -> None:
    """Calls of what were networks stand at these places of another network now."""
    for draft in drafts if places else ():
        if draft.network in places:
            network, path = places[draft.network]
            draft.path = path + draft.path.removeprefix(draft.network)
            draft.network = network


def split(drafts: Sequence[Draft], networks: Mapping[str, Mapping[str, str]]) -> list[Draft]:
    """Calls of what turned out to hold networks are calls of those, operations stand between.

    Args:
        drafts: All calls so far.
        networks: By the name of what was taken for one, the networks in it, by their places.

    Returns:
        Those that are left: not the calls of what is no network itself.
    """
    gone: dict[int, int | None] = {}
    kept = []
    for draft in drafts:
        if draft.parent in gone:
            draft.parent = gone[draft.parent]
        parts = networks.get(draft.network)
        if parts is not None and not _is_in_part(draft, parts):
            if draft.kind == "module":
                gone[draft.ident] = draft.parent
                continue
            draft.network = draft.path = ""
        kept.append(draft)
    return kept


def _is_in_part(draft: Draft, parts: Mapping[str, str]) -> bool:
    """Whether a call stands in one of the parts of its network, which it then belongs to."""
    inside = draft.path.removeprefix(draft.network)[1:]
    for path, name in parts.items():
        rest = inside.removeprefix(path)
        if inside.startswith(path) and (not rest or rest[0] in "./"):
            draft.network, draft.path = name, name + rest
            return True
    return False
