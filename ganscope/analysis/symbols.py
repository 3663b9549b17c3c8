"""Outputs of networks as the papers write them: ``G(z)``, ``D(x)``, ``D(F(G(z)))``.

Concluded from `forwards` and from roles. What a generator took is called ``z`` where its shape is
that of noise and nothing shows that it is data; else ``input``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.analysis.forwards import (
    BETWEEN,
    BOTH,
    FAKE,
    PROBED,
    REAL,
    UNTOLD,
    Forward,
    earlier_of,
)
from ganscope.analysis.roles import GENERATOR, Roles

_PLAINLY = {REAL: "x", PROBED: "probe", UNTOLD: "input"}


def symbol_of(forward: Forward, forwards: Sequence[Forward], roles: Roles) -> str:
    """``D(x)``: a discriminator's output for what it was shown."""
    return f"{roles.symbol(forward.call.network)}({shown_as(forward, forwards, roles)})"


def shown_as(forward: Forward, forwards: Sequence[Forward], roles: Roles) -> str:
    """``x``, ``G(z)``, a batch of both, or blends of both."""
    if forward.shown in _PLAINLY:
        return _PLAINLY[forward.shown]
    makers = {maker for each in forward.inputs for maker in each.makers}
    made_it = [other for other in forwards if other.call.id in makers]
    names = dict.fromkeys(_nested(other, forwards, roles) for other in made_it)
    for earlier in (earlier_of(each, roles) for each in forward.inputs):
        if earlier is not None:
            names[made_by(earlier.network, forwards, roles)] = None
    fakes = " and ".join(names) or "G(z)"
    return {FAKE: fakes, BOTH: f"x and {fakes}", BETWEEN: "blend"}.get(forward.shown, fakes)


def _nested(forward: Forward, forwards: Sequence[Forward], roles: Roles) -> str:
    """``G(z)``; ``features(G(z))`` and ``G(encoder(x))`` for what came through two networks."""
    main = forward.inputs[0] if forward.inputs else None
    makers = () if main is None else main.makers
    before = [other for other in forwards if other.call.id in makers and other is not forward]
    if forward.role == GENERATOR and not before:
        return made(forward, roles)
    inner = list(dict.fromkeys(_nested(other, forwards, roles) for other in before))
    if main is not None and not before:
        inner = ["z" if forward.takes_noise else "x"]
    return f"{forward.called(roles.symbol(forward.call.network))}({', '.join(inner)})"


def made(forward: Forward, roles: Roles) -> str:
    """``G(z)`` for what a generator made of noise, ``G(input)`` of images; else the call."""
    if forward.role != GENERATOR:
        return forward.call.label
    name = forward.called(roles.symbol(forward.call.network))
    return f"{name}({'z' if forward.takes_noise else 'input'})"


def made_by(network: str, forwards: Sequence[Forward], roles: Roles) -> str:
    """The same of a generator's outputs from other steps than that of `forwards`."""
    own = next((one for one in forwards if one.call.network == network), None)
    return f"{roles.symbol(network)}(z)" if own is None else made(own, roles)
