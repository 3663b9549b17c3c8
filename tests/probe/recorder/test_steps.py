"""Steps, updates, names, losses, backwards, ledger and roles of loops as people write them."""

from __future__ import annotations

from functools import partial

import pytest

from ganscope.traces import Call, Step, Trace, Update
from tests.probe.recorder import loops
from tests.probe.recorder.loops import (
    STEPS,
    Loop,
    ledger_of,
    optimizers_of,
    recorded,
    roles_of,
)

ROUNDS: dict[str, tuple[Loop, list[list[str]]]] = {
    "generator first": (loops.generator_first, [["optimizer_G", "optimizer_D"]] * STEPS),
    "discriminator first": (loops.discriminator_first, [["optimizerD", "optimizerG"]] * STEPS),
    "critic every turn": (
        loops.critic_every_turn,
        [["opt_c", "opt_g"], *[["opt_c", "opt_c", "opt_c", "opt_g"]] * STEPS],
    ),
    "gradient penalty": (loops.gradient_penalty, [["opt_c", "opt_c", "opt_g"]] * STEPS),
    "one optimizer": (loops.one_optimizer, [["optimizer"]] * STEPS),
    "accumulation": (loops.accumulation, [["d_optim", "g_optim"]] * STEPS),
    "spectral norm": (loops.spectral, [["opt_D", "opt_G"]] * STEPS),
    "half precision": (loops.half_precision, [["opt_D", "opt_G"]] * STEPS),
    "moving average": (loops.moving_average, [["opt_D", "opt_G"]] * STEPS),
    "closures": (loops.closures, [["opt_D", "opt_G"]] * STEPS),
    "cycle": (loops.cycle, [["optimizer_G", "optimizer_D_A", "optimizer_D_B"]] * STEPS),
    "loader": (loops.loaded, [["opt_D", "opt_G"]] * 8),
    "workers": (partial(loops.loaded, workers=2), [["opt_D", "opt_G"]] * 8),
    "checkpointed": (loops.checkpointed, [["opt_G", "opt_D"]] * STEPS),
    "reentrant": (partial(loops.checkpointed, reentrant=True), [["opt_G", "opt_D"]] * STEPS),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_a_step_is_a_round_of_optimizers(name: str) -> None:
    loop, rounds = ROUNDS[name]
    trace = recorded(loop)
    assert optimizers_of(trace) == rounds
    assert [step.index for step in trace.steps] == list(range(len(rounds)))
    for step in trace.steps:
        _check_numbers(step)


@pytest.mark.parametrize("every", [3])
@pytest.mark.parametrize("name", sorted(set(ROUNDS) - {"workers"}))
def test_every_so_manyth_step_is_the_same_step(name: str, every: int) -> None:
    loop, rounds = ROUNDS[name]
    trace, whole = recorded(loop, every=every), recorded(loop)
    assert [step.index for step in trace.steps] == list(range(0, len(rounds), every))
    for step in trace.steps:
        same = whole.steps[step.index]
        assert [_facts(update) for update in step.updates] == [
            _facts(update) for update in same.updates
        ]


def _facts(update: Update) -> object:
    parameters = [
        (each.name, each.gradient, each.weight_norm, each.update_norm) for each in update.parameters
    ]
    losses = [(loss.name, loss.value, loss.parts) for loss in update.losses]
    backwards = [(each.loss, each.kind, each.reached) for each in update.backwards]
    return update.optimizers, update.networks, losses, backwards, parameters, update.gradient_scale


def _check_numbers(step: Step) -> None:
    """Whatever refers to something in the step refers to what is there."""
    idents = [call.id for call in step.calls]
    assert idents == sorted(set(idents))
    assert all(
        call.parent is None or (call.parent < call.id and call.parent in idents)
        for call in step.calls
    )
    runs = [each.id for update in step.updates for each in update.backwards]
    assert runs == sorted(set(runs))
    made = [loss.call for update in step.updates for loss in update.losses]
    assert {each for each in made if each is not None} <= set(idents)
    assert {each.backward for call in step.calls for each in call.gradients} <= set(runs)
    assert [update.index for update in step.updates] == list(range(len(step.updates)))
    for call in step.calls:
        assert call.update is None or call.update < len(step.updates)
        assert all(each.backward in runs for each in call.gradients)
    for update in step.updates:
        assert all(loss.call is not None and loss.call in idents for loss in update.losses)
        assert len({each.name for each in update.parameters}) == len(update.parameters)
    for entry in step.ledger:
        assert entry.backward in (-1, *runs)
        assert (entry.update is None) is (entry.fate == "left")


def _roots(step: Step, *, kind: str = "module") -> list[tuple[str, int, int | None]]:
    outermost = [call for call in step.calls if call.parent is None and call.kind == kind]
    return [(call.path, call.nth, call.update) for call in outermost]


def _losses(step: Step) -> list[list[tuple[str, list[str]]]]:
    return [
        [(loss.name, [part.name for part in loss.parts]) for loss in update.losses]
        for update in step.updates
    ]


def _backwards(step: Step) -> list[list[tuple[str | None, str, dict[str, int]]]]:
    return [
        [(each.loss, each.kind, dict(each.reached)) for each in update.backwards]
        for update in step.updates
    ]


def test_generator_first() -> None:
    trace = recorded(loops.generator_first)
    assert roles_of(trace) == {"generator": "generator", "discriminator": "discriminator"}
    for step in trace.steps:
        assert _roots(step) == [
            ("generator", 1, 0),
            ("discriminator", 1, 0),
            ("adversarial_loss", 1, 0),
            ("discriminator", 2, 1),
            ("adversarial_loss", 2, 1),
            ("discriminator", 3, 1),
            ("adversarial_loss", 3, 1),
        ]
        assert _losses(step) == [[("g_loss", [])], [("d_loss", ["real_loss", "fake_loss"])]]
        assert _backwards(step) == [
            [("g_loss", "backward", {"generator": 6, "discriminator": 4})],
            [("d_loss", "backward", {"discriminator": 4})],
        ]
        # The gradients that the generator's backward left in the discriminator are cleared.
        assert ledger_of(step) == {
            ("generator", 0, 6, "used", 0),
            ("discriminator", 0, 4, "cleared", 1),
            ("discriminator", 1, 4, "used", 1),
        }
        assert [update.networks for update in step.updates] == [("generator",), ("discriminator",)]
        (detached,) = [
            call for call in step.calls if call.type == "detach" and call.purpose == "training"
        ]
        assert (detached.update, detached.gradients) == (1, ())


def test_discriminator_first_with_two_backwards_and_gradients_kept_in_place() -> None:
    trace = recorded(loops.discriminator_first)
    assert roles_of(trace) == {"netD": "discriminator", "netG": "generator"}
    for step in trace.steps:
        assert _losses(step) == [[("errD_real", []), ("errD_fake", [])], [("errG", [])]]
        assert _backwards(step) == [
            [("errD_real", "backward", {"netD": 6}), ("errD_fake", "backward", {"netD": 6})],
            [("errG", "backward", {"netD": 6, "netG": 6})],
        ]
        earlier = {("netD", -1, 6, "cleared", 0)} if step.index else set()
        assert ledger_of(step) == earlier | {
            ("netD", 0, 6, "used", 0),
            ("netD", 1, 6, "used", 0),
            ("netD", 2, 6, "left", None),
            ("netG", 2, 6, "used", 1),
        }


def test_a_critic_updated_on_every_turn_with_its_weights_clipped() -> None:
    trace = recorded(loops.critic_every_turn)
    assert roles_of(trace) == {"generator": "generator", "critic": "discriminator"}
    assert any("weights of critic changed" in note for note in trace.meta.notes)
    assert not any("weights of generator" in note for note in trace.meta.notes)
    for step in trace.steps:
        assert all(update is not None for _, _, update in _roots(step))
        updates = len(step.updates)
        assert _losses(step) == [
            *[[("loss_c", ["mean(critic(randn(5, 8)))", "mean(critic(fake))"])]] * (updates - 1),
            [("loss_g", [])],
        ]
        earlier = {("critic", -1, 4, "cleared", 0)} if step.index else set()
        assert ledger_of(step) == earlier | {
            *(("critic", place, 4, "used", place) for place in range(updates - 1)),
            ("critic", updates - 1, 4, "left", None),
            ("generator", updates - 1, 6, "used", updates - 1),
        }


def test_a_gradient_penalty() -> None:
    trace = recorded(loops.gradient_penalty)
    assert roles_of(trace) == {"generator": "generator", "critic": "discriminator"}
    for step in trace.steps:
        penalised = [
            ("scores", "grad", {}),
            ("c_loss", "backward", {"generator": 6, "critic": 4}),
        ]
        assert _backwards(step) == [
            penalised,
            penalised,
            [("g_loss", "backward", {"generator": 6, "critic": 4})],
        ]
        assert _losses(step) == [[("c_loss", ["score", "penalty"])]] * 2 + [[("g_loss", [])]]
        earlier = {("critic", -1, 4, "cleared", 0)} if step.index else set()
        assert ledger_of(step) == earlier | {
            ("critic", 1, 4, "used", 0),
            ("generator", 1, 6, "cleared", 2),
            ("critic", 3, 4, "used", 1),
            ("generator", 3, 6, "cleared", 2),
            ("critic", 4, 4, "left", None),
            ("generator", 4, 6, "used", 2),
        }
        assert all(update is not None for _, _, update in _roots(step))
        # The penalty's own run starts at the scores of the interpolates.
        third = next(call for call in step.calls if call.path == "critic" and call.nth == 3)
        ranks = loops.ranks_of(step)
        assert {ranks[each.backward] for each in third.gradients} == {0}
        first = next(call for call in step.calls if call.path == "critic" and call.nth == 1)
        assert {ranks[each.backward] for each in first.gradients} == {1}


def test_parts_have_the_values_of_the_variables_whose_names_they_carry() -> None:
    trace = recorded(loops.cycle)
    for step in trace.steps:
        (loss,) = step.updates[0].losses
        parts = {part.name: part.value for part in loss.parts}
        assert list(parts) == ["loss_GAN", "loss_cycle"]
        assert loss.value == pytest.approx(parts["loss_GAN"] + 10 * parts["loss_cycle"], rel=1e-6)
    trace = recorded(loops.gradient_penalty)
    for step in trace.steps:
        for update in step.updates[:2]:
            (loss,) = update.losses
            score, penalty = (part.value for part in loss.parts)
            assert loss.value == pytest.approx(-score + 10 * penalty, rel=1e-6)


def test_one_optimizer_moves_both_networks() -> None:
    trace = recorded(loops.one_optimizer)
    assert roles_of(trace) == {"generator": "generator", "discriminator": "discriminator"}
    for step in trace.steps:
        assert step.updates[0].networks == ("generator", "discriminator")
        assert ledger_of(step) == {
            ("generator", 0, 6, "used", 0),
            ("discriminator", 0, 4, "used", 0),
        }


def test_gradients_accumulated_over_batches_count_once_when_they_are_cleared() -> None:
    trace = recorded(loops.accumulation)
    assert roles_of(trace) == {"generator": "generator", "discriminator": "discriminator"}
    for step in trace.steps:
        assert [len(update.losses) for update in step.updates] == [3, 3]
        earlier = {("discriminator", -1, 4, "cleared", 0)} if step.index else set()
        assert ledger_of(step) == earlier | {
            *(("discriminator", run, 4, "used", 0) for run in range(3)),
            *(("generator", run, 6, "used", 1) for run in range(3, 6)),
            *(("discriminator", run, 4, "left", None) for run in range(3, 6)),
        }


def test_a_scaled_and_an_overflown_update() -> None:
    trace = recorded(loops.half_precision)
    assert roles_of(trace) == {"G": "generator", "D": "discriminator"}
    scales = [[update.gradient_scale for update in step.updates] for step in trace.steps]
    assert scales == [[1024.0] * 2, [1024.0] * 2, [2048.0] * 2, [1024.0] * 2]
    for step in trace.steps:
        (loss,) = step.updates[0].losses
        assert [part.name for part in loss.parts] == ["d_real", "d_fake"]
        overflown = step.index == 2
        total = sum(part.value for part in loss.parts)
        assert loss.value == (float("inf") if overflown else pytest.approx(total, rel=1e-6))
        norms = [each.update_norm for each in step.updates[0].parameters]
        assert all(norm == 0.0 if overflown else norm for norm in norms)
        fates = {fate for network, run, _, fate, _ in ledger_of(step) if (network, run) == ("D", 0)}
        assert fates == {"left" if overflown else "used"}


def test_an_averaged_copy_is_a_network_of_its_own_that_only_evaluates() -> None:
    trace = recorded(loops.moving_average)
    assert roles_of(trace) == {
        "generator": "generator",
        "discriminator": "discriminator",
        "average": "other",
    }
    calls = [call for step in trace.steps for call in step.calls if call.network == "average"]
    assert calls
    assert {(call.update, call.purpose) for call in calls} == {(None, "evaluation")}


def test_closures_belong_to_the_update_that_runs_them() -> None:
    trace = recorded(loops.closures)
    for step in trace.steps:
        assert [len(update.losses) for update in step.updates] == [1, 2]
        assert {loss.name for loss in step.updates[1].losses} == {"g_loss"}
        assert [update for path, _, update in _roots(step) if path == "generator"] == [0, 1, 1]
        assert all(each.gradient for update in step.updates for each in update.parameters)
        assert ledger_of(step) >= {
            ("discriminator", 0, 4, "used", 0),
            ("generator", 1, 6, "cleared", 1),
            ("generator", 2, 6, "used", 1),
        }


def test_networks_of_one_class_in_a_dictionary() -> None:
    trace = recorded(loops.cycle)
    assert roles_of(trace) == {
        "G_AB": "generator",
        "G_BA": "generator",
        "D_A": "discriminator",
        "D_B": "discriminator",
    }
    for step in trace.steps:
        moved = [update.networks for update in step.updates]
        assert moved == [("G_AB", "G_BA"), ("D_A",), ("D_B",)]


def test_a_loaders_transforms_are_no_networks() -> None:
    trace = recorded(loops.loaded)
    assert set(roles_of(trace)) == {"generator", "discriminator"}
    assert all("Noisy" not in call.type for step in trace.steps for call in step.calls)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_is_one_backward_and_says_what_ran_twice(reentrant: bool) -> None:
    trace = recorded(partial(loops.checkpointed, reentrant=reentrant))
    for step in trace.steps:
        assert _backwards(step)[0] == [("g_loss", "backward", {"generator": 6, "discriminator": 4})]
        again = [call for call in step.calls if call.recomputed]
        assert [call.path for call in again][:2] == ["generator.block", "generator.block.0"]
        assert {(call.update, call.purpose) for call in again} == {(0, "training")}


@pytest.mark.parametrize("inside", [False, True])
def test_a_compiled_network_is_one_opaque_call(inside: bool) -> None:
    trace = recorded(partial(loops.compiled, inside=inside))
    (network, _) = trace.networks
    assert (network.name, network.wrapper, network.role) == ("fast", "compiled", "generator")
    assert optimizers_of(trace) == [["opt_G", "opt_D"]] * STEPS
    for step in trace.steps:
        assert [call.path for call in step.calls if call.network == "fast"] == ["fast"]
        assert [each[0] for each in _backwards(step)] == [
            ("g_loss", "backward", {"fast": 6, "discriminator": 4}),
            ("d_loss", "backward", {"discriminator": 4}),
        ]


def _gradients(call: Call) -> list[int]:
    return [each.backward for each in call.gradients]


def test_flow_survives_what_changes_tensors_without_a_version() -> None:
    """BatchNorm in the discriminator, and `.data` of a sample: the parts stay known."""
    import torch
    from torch import nn

    from tests.probe.recorder.loops import Result, Watch

    def loop(watch: Watch) -> Result:
        generator = loops.make_generator()
        discriminator = loops.make_discriminator(nn.BatchNorm1d(16))
        optimizer_G = torch.optim.Adam(generator.parameters())
        optimizer_D = torch.optim.Adam(discriminator.parameters())
        loss = nn.MSELoss()
        with watch:
            for _ in range(3):
                optimizer_G.zero_grad()
                gen_imgs = generator(torch.randn(5, 6))
                g_loss = loss(discriminator(gen_imgs), torch.ones(5, 1))
                g_loss.backward()
                optimizer_G.step()
                assert gen_imgs.data.norm() > 0
                optimizer_D.zero_grad()
                real_loss = loss(discriminator(torch.randn(5, 8)), torch.ones(5, 1))
                fake_loss = loss(discriminator(gen_imgs.detach()), torch.zeros(5, 1))
                d_loss = 0.5 * (real_loss + fake_loss)
                d_loss.backward()
                optimizer_D.step()
        return Result({"g": generator, "d": discriminator})

    trace: Trace = recorded(loop)
    assert roles_of(trace) == {"generator": "generator", "discriminator": "discriminator"}
    for step in trace.steps:
        assert _losses(step) == [[("g_loss", [])], [("d_loss", ["real_loss", "fake_loss"])]]
        _check_numbers(step)
        detached = [call for call in step.calls if call.type == "detach"]
        assert [(call.update, _gradients(call)) for call in detached] == [(1, [])]
