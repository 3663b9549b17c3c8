"""`every`, `steps` and `next_step`; exceptions; what stays hooked; other threads."""

from __future__ import annotations

import copy
import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.errors import InputError, ObserverError, OutputError, UsageError
from tests.probe.recorder import loops
from tests.probe.recorder.loops import assert_gone, optimizers_of


class Duel:
    """Two networks and one update of each."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator, self.discriminator = loops.make_generator(), loops.make_discriminator()
        self.opt_g = torch.optim.Adam(self.generator.parameters())
        self.opt_d = torch.optim.Adam(self.discriminator.parameters())

    def update_d(self) -> None:
        self.opt_d.zero_grad()
        fake = self.generator(torch.randn(5, 6)).detach()
        loss = self.discriminator(fake).mean() - self.discriminator(torch.randn(5, 8)).mean()
        loss.backward()
        self.opt_d.step()

    def update_g(self) -> None:
        self.opt_g.zero_grad()
        loss = -self.discriminator(self.generator(torch.randn(5, 6))).mean()
        loss.backward()
        self.opt_g.step()

    def turn(self) -> None:
        self.update_d()
        self.update_g()


def test_steps_ends_the_recording_and_takes_every_hook_away() -> None:
    duel = Duel()
    with ganscope.record(steps=2) as recording:
        duel.turn()
        duel.turn()
        duel.update_d()
        assert_gone()
        duel.update_g()
    assert optimizers_of(recording.trace) == [["opt_d", "opt_g"]] * 2
    assert recording.trace.meta.completeness == "complete"


@pytest.mark.parametrize("alone", [1, 5, 20])
def test_steps_and_every_hold_for_an_optimizer_alone(alone: int) -> None:
    duel = Duel()
    with ganscope.record(steps=2, every=2) as recording:
        for _ in range(alone):
            duel.update_d()
    assert [step.index for step in recording.trace.steps] == [0, 2][: (alone + 1) // 2]


def test_between_recorded_steps_only_what_tells_of_optimizers_stays() -> None:
    from torch.nn.modules import module
    from torch.optim import optimizer

    duel, engine = Duel(), torch.autograd._engine_run_backward
    with ganscope.record(every=3) as recording:
        duel.turn()
        duel.turn()
        for _ in range(2):  # the last step of three, and the beginning of the next
            assert not module._global_forward_hooks
            assert not module._global_forward_pre_hooks
            assert torch._C._len_torch_function_stack() == 0
            assert torch.autograd._engine_run_backward is engine
            assert len(optimizer._global_optimizer_pre_hooks) == 1
            duel.update_d()
        duel.update_g()
        assert module._global_forward_hooks
    assert [step.index for step in recording.trace.steps] == [0]
    assert_gone()


def test_the_users_word_ends_steps() -> None:
    duel = Duel()
    with ganscope.record() as recording:
        for _ in range(3):
            for _ in range(3):
                duel.update_d()
            duel.update_g()
            duel.update_g()
            recording.next_step()
    assert optimizers_of(recording.trace) == [["opt_d"] * 3 + ["opt_g"] * 2] * 3


def test_the_users_word_at_the_beginning_of_a_turn() -> None:
    duel = Duel()
    with ganscope.record(every=2) as recording:
        for _ in range(4):
            recording.next_step()
            duel.update_g()
            duel.update_g()
            duel.update_d()
    assert optimizers_of(recording.trace) == [["opt_g", "opt_g", "opt_d"]] * 2
    assert [step.index for step in recording.trace.steps] == [0, 2]


def test_next_step_outside_does_nothing() -> None:
    recording = ganscope.record()
    recording.next_step()
    with recording:
        Duel().turn()
    recording.next_step()
    assert len(recording.trace.steps) == 1


def test_a_recording_inside_another_is_refused_and_the_outer_goes_on() -> None:
    duel = Duel()
    with ganscope.record() as recording:
        duel.turn()
        with pytest.raises(ObserverError, match="at work already"), ganscope.record():
            raise AssertionError
        with pytest.raises(ObserverError):
            ganscope.trace(duel.generator, torch.randn(5, 6))
        duel.turn()
    assert optimizers_of(recording.trace) == [["opt_d", "opt_g"]] * 2
    assert_gone()


def test_a_recording_runs_once() -> None:
    recording = ganscope.record()
    with recording:
        pass
    with pytest.raises(UsageError, match="runs once"), recording:
        raise AssertionError
    assert_gone()


def test_a_recorded_function_may_be_called_again() -> None:
    def train() -> ganscope.Trace:
        duel = Duel()
        with ganscope.record() as recording:
            for _ in range(3):
                duel.turn()
        return recording.trace

    first, second = train(), train()
    assert first.networks == second.networks
    assert [network.name for network in second.networks] == ["generator", "discriminator"]
    assert [step.updates for step in first.steps] == [step.updates for step in second.steps]


@pytest.mark.parametrize("number", [0, -1, 1.5])
def test_numbers_that_make_no_sense(number: int) -> None:
    for name in ("every", "steps"):
        with pytest.raises(InputError, match=f"{name} .*: give a number of steps"):
            ganscope.record(**{name: number})
    assert_gone()


class MineError(Exception):
    pass


def _fail(x: Tensor) -> None:
    raise MineError


FAILURES: dict[str, tuple[Callable[[Duel], object], type[BaseException]]] = {
    "own": (lambda duel: _fail(torch.zeros(1)), MineError),
    "interrupt": (lambda duel: (_ for _ in ()).throw(KeyboardInterrupt), KeyboardInterrupt),
    "exit": (lambda duel: (_ for _ in ()).throw(SystemExit(3)), SystemExit),
    "shape": (lambda duel: duel.generator(torch.randn(5, 7)), RuntimeError),
    "no gradient": (lambda duel: torch.zeros(1).backward(), RuntimeError),
}


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("turns", [0, 1, 3])
def test_an_exception_comes_through_and_the_steps_before_are_kept(kind: str, turns: int) -> None:
    duel = Duel()
    fail, error = FAILURES[kind]
    with pytest.raises(error) as raised, ganscope.record() as recording:
        for _ in range(turns):
            duel.turn()
        duel.update_d()
        fail(duel)
    assert_gone()
    assert raised.value.__context__ is None
    trace = recording.trace
    assert trace.meta.completeness == "complete"
    updates = [name for step in optimizers_of(trace) for name in step]
    assert updates == ["opt_d", "opt_g"] * turns + ["opt_d"]
    assert trace.failure is not None
    assert trace.failure.message.startswith(error.__name__)
    if kind == "shape":
        assert trace.failure.expected is not None
        assert "6 numbers" in trace.failure.expected
        (failed,) = (each for each in trace.steps[-1].calls if each.id == trace.failure.call)
        assert failed.path == "generator.0"


def test_an_exception_in_a_forward_that_is_caught_is_no_failure() -> None:
    duel = Duel()
    with ganscope.record() as recording:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                duel.generator(torch.randn(5, 7))
            duel.turn()
    assert recording.trace.failure is None
    assert optimizers_of(recording.trace) == [["opt_d", "opt_g"]] * 3


class Moody(torch.optim.SGD):
    raises = False

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        if self.raises:
            raise MineError
        return super().step(closure)


def test_an_optimizer_that_raises_hides_nothing_that_follows() -> None:
    duel = Duel()
    torch.optim.SGD(duel.discriminator.parameters(), lr=0.1)  # so that its own step is hooked too
    moody = Moody(duel.discriminator.parameters(), lr=0.1)
    duel.opt_d = moody  # type: ignore[assignment]
    with ganscope.record() as recording:
        for i in range(6):
            moody.raises = i == 2
            try:
                duel.update_d()
            except MineError:
                assert i == 2
            duel.update_g()
    updates = [name for step in optimizers_of(recording.trace) for name in step]
    assert updates.count("opt_g") == 6
    assert updates.count("opt_d") == 5
    counts = {len(step.calls) for step in recording.trace.steps[2:]}
    assert len(counts) == 1, "operations of later steps are missing"
    assert not any("opt_g" in note or "generator" in note for note in recording.trace.meta.notes)


def test_operations_after_a_backward_are_seen_once() -> None:
    model = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            y = model(torch.randn(2, 3))
            y.sum().backward(retain_graph=True)
            assert torch._C._len_torch_function_stack() == 1
            y.mul(2).mean().backward()
            optimizer.step()
    for step in recording.trace.steps:
        assert [call.type for call in step.calls] == ["Linear", "sum", "mul", "mean"]


def test_operations_that_feed_no_loss_are_left_out() -> None:
    model = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            y = model(torch.randn(2, 3))
            shown = y.detach().mul(2).clamp(0, 1)  # such as the making of a grid
            loss = y.square().mean()
            loss.backward()
            optimizer.step()
            assert shown.shape == (2, 3)
    for step in recording.trace.steps:
        assert [call.type for call in step.calls] == ["Linear", "square", "mean"]
        assert step.updates[0].losses[0].call == step.calls[2].id
    idents = [call.id for step in recording.trace.steps for call in step.calls]
    assert idents == sorted(set(idents))  # unique in the recording


def test_what_is_followed_only_from_a_point_on_keeps_its_place_in_the_flow() -> None:
    critic = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    generator = nn.Linear(2, 3)
    with ganscope.record() as recording:
        for _ in range(3):
            fake = generator(torch.randn(4, 2)).detach()
            points = (0.5 * torch.randn(4, 3) + 0.5 * fake).requires_grad_(True)
            (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
            optimizer.zero_grad()
            (slope.norm(dim=1) - 1).square().mean().backward()
            optimizer.step()
    for step in recording.trace.steps:
        types = [call.type for call in step.calls if call.parent is None]
        assert types[:5] == ["Linear", "detach", "mul", "add", "Linear"]
        points, judged = step.calls[3].outputs[0], step.calls[4].inputs[0]
        assert (points.stats, points.shape) == (judged.stats, judged.shape)
        assert judged.requires_grad


def test_a_refused_second_recording_makes_no_file(tmp_path: Path) -> None:
    kept = tmp_path / "kept.gscope"
    kept.write_bytes(b"something of the user's")
    with ganscope.record():
        with pytest.raises(ObserverError):
            ganscope.record(kept, force=True)
        with pytest.raises(ObserverError):
            ganscope.record(tmp_path / "new.gscope")
    assert kept.read_bytes() == b"something of the user's"
    assert not (tmp_path / "new.gscope").exists()


def test_models_can_be_saved_and_copied_while_they_are_watched() -> None:
    duel = Duel()
    with ganscope.record() as recording:
        for _ in range(3):
            duel.update_d()
            fake = duel.generator(torch.randn(5, 6))
            buffer = io.BytesIO()
            torch.save((duel.generator, duel.opt_g.state_dict(), fake.detach()), buffer)
            twin = copy.deepcopy(duel.generator)
            copy.deepcopy(duel.opt_g)
            assert not twin[0]._forward_hooks
            assert not twin[0]._forward_pre_hooks
            duel.update_g()
    assert recording.trace.meta.completeness == "complete"
    loaded, _, _ = torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert torch.equal(loaded[0].weight, twin[0].weight)


def test_another_thread_is_not_mixed_in_and_is_said() -> None:
    duel, other = Duel(), Duel()
    done = threading.Event()

    def work() -> None:
        other.turn()
        done.set()

    said = pytest.warns(RuntimeWarning, match="on other threads were not seen")
    with said, ganscope.record() as recording:
        for i in range(3):
            duel.update_d()
            if i == 1:
                threading.Thread(target=work).start()
                assert done.wait(20)
            duel.update_g()
    assert optimizers_of(recording.trace) == [["opt_d", "opt_g"]] * 3
    assert recording.trace.meta.completeness == "partial"
    assert {len(step.calls) for step in recording.trace.steps} == {33}


def test_a_path_that_cannot_be_written_is_refused_before_the_loop(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    for path in (tmp_path / "no" / "run.gscope", tmp_path, tmp_path / "there"):
        with pytest.raises(OutputError) as raised:
            ganscope.record(path)
        assert "\n" not in str(raised.value)
    assert (tmp_path / "there").read_text() == "precious"
    assert_gone()


def test_a_network_that_is_compiled_in_place_is_said_to_be_unseen() -> None:
    duel = Duel()
    recording = ganscope.record(after=1)
    with pytest.warns(RuntimeWarning, match="a Sequential compiled in place"), recording:
        duel.generator.compile(backend="eager")
        for _ in range(3):
            duel.turn()
    assert [step.index for step in recording.trace.steps] == [1, 2]
    assert recording.trace.meta.completeness == "partial"


def test_a_forward_that_is_compiled_by_itself_is_said_to_be_unseen() -> None:
    duel = Duel()
    recording = ganscope.record()
    said = r"Sequential\.forward was compiled by itself: what runs compiled is not seen"
    with pytest.warns(RuntimeWarning, match=said), recording:
        torch.compile(duel.generator.forward, backend="eager")
        for _ in range(3):
            duel.turn()
    assert recording.trace.meta.completeness == "partial"
    assert {len(step.calls) for step in recording.trace.steps} == {33}
