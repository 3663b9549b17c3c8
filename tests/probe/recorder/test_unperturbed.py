"""Recording changes nothing, whatever the loop looks like: bit for bit the same without it."""

from __future__ import annotations

from functools import partial

import pytest

from tests.probe.recorder import loops
from tests.probe.recorder.loops import Loop, recorded

LOOPS: dict[str, Loop] = {
    "generator first": loops.generator_first,
    "discriminator first": loops.discriminator_first,
    "critic every turn": loops.critic_every_turn,
    "gradient penalty": loops.gradient_penalty,
    "one optimizer": loops.one_optimizer,
    "accumulation": loops.accumulation,
    "spectral norm": loops.spectral,
    "half precision": loops.half_precision,
    "moving average": loops.moving_average,
    "closures": loops.closures,
    "cycle": loops.cycle,
    "loader": loops.loaded,
    "loader with workers": partial(loops.loaded, workers=2),
    "checkpointed": loops.checkpointed,
    "checkpointed, reentrant": partial(loops.checkpointed, reentrant=True),
    "compiled": loops.compiled,
    "compiled inside": partial(loops.compiled, inside=True),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_recorded_loop_ends_in_the_same_bits(name: str) -> None:
    trace = recorded(LOOPS[name], every=2, samples=True)
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert len(trace.steps) >= 2
    assert trace.failure is None
