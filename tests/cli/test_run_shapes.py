"""``ganscope run`` on one small script for each shape of training loop: all that it must tell."""

from __future__ import annotations

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import ganscope as library
from ganscope.traces import Step
from tests.cli.conftest import Run

SCRIPTS = Path(__file__).parents[1] / "scripts"


@dataclass(frozen=True)
class Told:
    """What is true of a script.

    Attributes:
        roles: Of its networks, in the order in which they are first called.
        updates: The optimizers of each update of one step.
        losses: What each update's backward calls ran on.
        moved: The networks that each update moves.
        fates: What became of gradients: network, fate and update. All of the second step.
    """

    roles: dict[str, str]
    updates: list[list[str]]
    losses: list[list[str]]
    moved: list[list[str]]
    fates: set[tuple[str, str, int | None]]


G, D, OTHER = "generator", "discriminator", "other"


def duel(
    g: str, d: str, names: tuple[str, str], losses: list[list[str]], *, g_first: bool = False
) -> Told:
    """One generator against one discriminator; `names` are of D's and of G's optimizer."""
    after = {(d, "cleared", 0), (d, "used", 0), (d, "left", None), (g, "used", 1)}
    if g_first:
        after = {(g, "used", 0), (d, "cleared", 1), (d, "used", 1)}
    order = [d, g][:: -1 if g_first else 1]
    optimizers = list(names)[:: -1 if g_first else 1]
    return Told({g: G, d: D}, [[each] for each in optimizers], losses, [[n] for n in order], after)


TOLD: dict[str, Told] = {
    "walkthrough": duel(
        "generator",
        "discriminator",
        ("optimizer_D", "optimizer_G"),
        [["g_loss"], ["d_loss"]],
        g_first=True,
    ),
    "two_backwards": duel(
        "netG", "netD", ("optimizerD", "optimizerG"), [["errD_real", "errD_fake"], ["errG"]]
    ),
    "accumulation": duel(
        "generator", "discriminator", ("opt_d", "opt_g"), [["d_loss", "d_loss"], ["g_loss"]]
    ),
    "one_optimizer": Told(
        {"discriminator": D, "generator": G},
        [["optimizer"]],
        [["-value"]],
        [["generator", "discriminator"]],
        {("generator", "used", 0), ("discriminator", "used", 0)},
    ),
    "six_networks": Told(
        {"E_A": OTHER, "G_B": G, "E_B": OTHER, "G_A": G, "D_A": D, "D_B": D},
        [["optimizer_E", "optimizer_G"], ["optimizer_D_A"], ["optimizer_D_B"]],
        [["loss_G"], ["loss_D_A"], ["loss_D_B"]],
        [["E_A", "E_B", "G_A", "G_B"], ["D_A"], ["D_B"]],
        {
            *((name, "used", 0) for name in ("E_A", "E_B", "G_A", "G_B")),
            *((name, fate, place) for place, name in ((1, "D_A"), (2, "D_B"))
              for fate in ("cleared", "used")),
        },
    ),
    "penalty": duel("G", "D", ("optimizer_D", "optimizer_G"), [["d_loss"], ["g_loss"]]),
    "averaged": duel(
        "generator", "discriminator", ("d_optimizer", "g_optimizer"), [["d_loss"], ["g_loss"]]
    ),
    "scaled": Told(
        {"generator": G, "discriminator": D},
        [["optimizer_d"], ["optimizer_g"]],
        [["loss_d"], ["loss_g * (float('inf') if turn == 1 …)"]],
        [["discriminator"], ["generator"]],
        {
            ("discriminator", "cleared", 0),
            ("discriminator", "used", 0),
            ("discriminator", "left", None),
            ("generator", "left", None),  # the update overflows, and is left out
        },
    ),
    "bare_weights": Told(
        {}, [["d_optimizer"], ["g_optimizer"]], [["d_loss"], ["g_loss"]], [[], []], set()
    ),
    "direct": duel(
        "G", "D", ("optimizer_D", "optimizer_G"), [["loss_G"], ["loss_D"]], g_first=True
    ),
    "helpers": Told(
        {"generator": G, "discriminators_0": D, "discriminators_1": D},
        [
            ["optimizers_discriminators_0"],
            ["optimizers_discriminators_1"],
            ["optimizers_generator"],
        ],
        [["d_loss"], ["d_loss"], ["g_loss"]],
        [["discriminators_0"], ["discriminators_1"], ["generator"]],
        {
            ("generator", "used", 2),
            *((f"discriminators_{place}", fate, update) for place in (0, 1)
              for fate, update in (("cleared", place), ("used", place), ("left", None))),
        },
    ),
    "closures": duel(
        "generator", "discriminator", ("optimizers_0", "optimizers_1"), [["loss"], ["loss"]]
    ),
}  # fmt: skip


def told_of(step: Step, roles: dict[str, str]) -> Told:
    return Told(
        {name: role for name, role in roles.items() if name != "ema"},
        [[each.name for each in update.optimizers] for update in step.updates],
        [[str(run.loss) for run in update.backwards if run.kind == "backward"]
         for update in step.updates],
        [list(update.networks) for update in step.updates],
        {(entry.network, entry.fate, entry.update) for entry in step.ledger},
    )  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_a_shape_of_training_loop(
    name: str,
    watched: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = SCRIPTS / f"{name}.py"
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    alone = capsys.readouterr().out
    assert "weights" in alone or name == "walkthrough"
    done = watched("-o", "run.gscope", script)
    assert (done.out, done.code) == (alone, 0)
    trace = library.load("run.gscope")
    assert (len(trace.steps), trace.meta.completeness) == (3, "complete")
    roles = {network.name: network.role for network in trace.networks}
    assert told_of(trace.steps[1], roles) == TOLD[name]
    assert roles.get("ema", OTHER) == OTHER
    assert "ema" in roles or name != "averaged"


def test_a_gradient_penalty_is_told_as_a_run_of_the_engine_of_its_own(watched: Run) -> None:
    watched("--stop", "-o", "run.gscope", SCRIPTS / "penalty.py")
    update = library.load("run.gscope").steps[1].updates[0]
    assert [(run.loss, run.kind) for run in update.backwards] == [
        ("scores", "grad"),
        ("d_loss", "backward"),
    ]
    assert [part.name for part in update.losses[0].parts] == [
        "D(fake).mean()",
        "D(real).mean()",
        "((gradients.norm(2, dim=1) - 1) ** 2)…",
    ]


def test_an_update_that_overflows_is_told_with_its_scale(watched: Run) -> None:
    watched("--stop", "-o", "run.gscope", SCRIPTS / "scaled.py")
    steps = library.load("run.gscope").steps
    assert [[update.gradient_scale for update in step.updates] for step in steps] == [
        [32.0, 64.0],
        [32.0, 64.0],
        [32.0, 32.0],
    ]


def test_schedules_are_seen_in_the_learning_rates(watched: Run) -> None:
    watched("--stop", "-o", "run.gscope", SCRIPTS / "averaged.py")
    rates = [
        [update.optimizers[0].learning_rates[0] for update in step.updates]
        for step in library.load("run.gscope").steps
    ]
    assert rates == [[0.04, 0.01], [0.02, 0.005], [0.01, 0.0025]]
