"""Who was run on what: told from the records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from ganscope.analysis.discriminator_outputs import DiscriminatorOutput, discriminator_outputs
from ganscope.analysis.forwards import (
    BETWEEN,
    BOTH,
    FAKE,
    PROBED,
    REAL,
    UNTOLD,
    Forward,
    forwards_of,
)
from ganscope.analysis.outermost import OutermostFlow
from ganscope.traces import Backward, Call, Earlier, Histogram, Network, Step, TensorRecord, Update
from ganscope.views.steps.cast import Cast
from ganscope.views.steps.heading import flow_lines, output_text

from .builders import another, call, stats, tensor, view_of
from .steps import recorded, story, with_step

NETWORKS = (Network("G", "Generator", "generator", 9), Network("D", "Critic", "discriminator", 9))
CAST = Cast(NETWORKS)


def forwards(step: Step) -> tuple[Forward, ...]:
    return forwards_of(step, CAST)


def verdicts(step: Step, ran: Sequence[Forward]) -> dict[int, DiscriminatorOutput]:
    return discriminator_outputs(OutermostFlow(step), ran, CAST)


def record(mean: float, *shape: int, grad: bool = False) -> TensorRecord:
    """A tensor told from others by its mean."""
    figures = stats(mean, 0.1, 0.0, 1.0)
    return tensor(*(shape or (8, 1, 4, 4)), figures=figures, requires_grad=grad)


NOISE, REALS = record(0.0, 8, 6), record(0.9)
FAKES = record(0.2, grad=True)
MADE = call(0, "G", "Generator", inputs=(NOISE,), outputs=(FAKES,), network="G")


def judged(identity: int, *inputs: TensorRecord) -> Call:
    verdict = record(0.5 + identity / 100, inputs[0].shape[0] if inputs[0].shape else 8, 1)
    return call(identity, "D", "Critic", inputs=inputs, outputs=(verdict,), network="D")


def op(identity: int, name: str, *inputs: TensorRecord, out: TensorRecord) -> Call:
    return call(identity, "", name, kind="op", network="", inputs=inputs, outputs=(out,))


def last(*calls: Call) -> Forward:
    return forwards(Step(0, (MADE, *calls)))[-1]


def lines(*calls: Call) -> list[str]:
    step = Step(0, (MADE, *calls))
    ran = forwards(step)
    return [line.whole for line in flow_lines(ran, ran, verdicts(step, ran), CAST)]


def test_real_images_come_from_nowhere() -> None:
    assert last(judged(1, REALS)).shown == REAL
    assert lines(judged(1, REALS))[1] == "x 8×1×4×4 → D → 8×1 — D(x) 0.510"


def test_what_the_generator_made_is_fake() -> None:
    found = last(judged(1, FAKES))
    assert found.shown == FAKE
    assert found.inputs[0].makers == (0,)
    assert not found.inputs[0].detached
    assert lines(judged(1, FAKES)) == ["z 8×6 → G → 8×1×4×4 → D → 8×1 — D(G(z)) 0.510"]


def test_images_that_a_pool_kept_are_those_of_an_earlier_step() -> None:
    kept = replace(record(0.3), earlier=Earlier("G", 1.0))
    found = last(judged(1, kept))
    assert (found.shown, found.inputs[0].makers) == (FAKE, ())
    assert lines(judged(1, kept))[1] == (
        "G(z) of an earlier step (inferred) 8×1×4×4 → D → 8×1 — D(G(z)) 0.510"
    )


def test_a_batch_of_a_pool_can_hold_images_of_this_step_too() -> None:
    one = record(0.25, 1, 1, 4, 4, grad=True)
    mixed = replace(record(0.3), earlier=Earlier("G", 1.0))
    calls = (op(1, "unbind", FAKES, out=one), op(2, "cat", one, out=mixed), judged(3, mixed))
    assert last(*calls).shown == FAKE
    assert "in one batch" not in "".join(lines(*calls))
    assert lines(*calls)[0].startswith("z 8×6 → G → 8×1×4×4 → unbind → cat → D")
    apart = replace(mixed, earlier=Earlier("G", 0.5))
    assert last(judged(1, apart)).shown == BOTH
    said = "x and G(z) of an earlier step (inferred) 8×1×4×4 → D"
    assert lines(judged(1, apart))[1].startswith(said)


def test_what_another_network_made_earlier_is_no_fake() -> None:
    kept = replace(record(0.3), earlier=Earlier("E", 1.0))
    assert last(judged(1, kept)).shown == REAL


def test_of_several_batches_of_unknown_origin_none_is_called_real() -> None:
    calls = [replace(judged(one, record(0.5 + one / 10)), update=0) for one in (1, 2)]
    found = forwards(Step(0, (MADE, *calls)))
    assert [one.shown for one in found] == ["", UNTOLD, UNTOLD]
    told = lines(*calls)
    assert told[1:] == [
        "input 8×1×4×4 → D → 8×1 — D(input) 0.510",
        "input 8×1×4×4 → D → 8×1 — D(input) 0.520",
    ]
    twice = [replace(judged(one, REALS), update=0) for one in (1, 2)]
    assert last(*twice).shown == REAL
    beside = [*calls, replace(judged(3, FAKES), update=0)]
    assert [one.shown for one in forwards(Step(0, (MADE, *beside)))][1:] == [REAL, REAL, FAKE]
    history = [judged(1, REALS), judged(2, record(0.7, grad=True)), judged(3, FAKES)]
    shown = [
        one.shown
        for one in forwards(Step(0, (MADE, *(replace(each, update=0) for each in history))))
    ]
    assert shown == ["", REAL, UNTOLD, FAKE]
    evaluated = [replace(each, update=None) for each in calls]
    assert last(*evaluated).shown == REAL


def test_what_another_network_makes_of_fakes_is_fake() -> None:
    features = record(0.3, 8, 3, grad=True)
    made = call(1, "F", "Features", inputs=(FAKES,), outputs=(features,), network="F")
    assert last(made, judged(2, features)).shown == FAKE
    assert lines(made, judged(2, features))[0].endswith("→ F → 8×3 → D → 8×1 — D(F(G(z))) 0.520")
    plain = call(1, "F", "Features", inputs=(REALS,), outputs=(features,), network="F")
    assert last(plain, judged(2, features)).shown == REAL


def test_a_part_called_by_itself_gives_no_verdict() -> None:
    features = replace(judged(1, FAKES), path="D.features")
    assert last(features).shown == FAKE
    assert lines(features) == ["z 8×6 → G → 8×1×4×4 → D.features → 8×1"]


def test_what_a_network_takes_beside_another_ones_output_is_told() -> None:
    labels, embedded = record(4.5, 8), record(0.4, 8, 3, grad=True)
    embed = replace(MADE, path="G.embed", inputs=(labels,), outputs=(embedded,))
    made = replace(MADE, id=1, inputs=(NOISE, embedded))
    verdict = judged(2, FAKES, replace(labels, name="labels"))
    step = Step(0, (embed, made, verdict))
    ran = forwards(step)
    assert [one.part for one in ran] == ["embed", "", ""]
    told = [line.whole for line in flow_lines(ran, ran, verdicts(step, ran), CAST)]
    assert told == ["8 → G.embed → 8×3 + z 8×6 → G → 8×1×4×4 + labels 8 → D → 8×1 — D(G(z)) 0.520"]


def test_detached_with_the_operation_or_without() -> None:
    cut = view_of(FAKES, requires_grad=False)
    for calls in ([judged(2, cut)], [op(1, "detach", FAKES, out=cut), judged(2, cut)]):
        found = last(*calls)
        assert found.shown == FAKE
        assert found.inputs[0].detached
        assert lines(*calls)[0].startswith("z 8×6 → G → 8×1×4×4 → detach → D → 8×1")


def test_both_cuts_of_the_same_images_are_told_apart() -> None:
    cut = view_of(FAKES, requires_grad=False)
    found = forwards(
        Step(0, (MADE, op(1, "detach", FAKES, out=cut), judged(2, cut), judged(3, FAKES)))
    )
    assert [one.inputs[0].detached for one in found] == [False, True, False]


def test_images_made_without_autograd_are_not_called_detached() -> None:
    plain = another(FAKES, requires_grad=False)
    made = replace(MADE, outputs=(plain,))
    found = forwards(Step(0, (made, judged(1, plain))))
    assert not found[-1].inputs[0].detached
    # That autograd follows the same network elsewhere in the step tells that it was turned off.
    step = Step(0, (made, judged(1, plain), replace(MADE, id=2, nth=2), judged(3, FAKES)))
    ran = forwards(step)
    told = [line.whole for line in flow_lines(ran, ran, verdicts(step, ran), CAST)]
    assert [line.partition(" — ")[0] for line in told] == [
        "z 8×6 → G → 8×1×4×4 → no grad → D → 8×1",
        "z 8×6 → G → 8×1×4×4 → D → 8×1",
    ]


def test_operations_on_the_way_are_named() -> None:
    grown = record(0.21, 8, 1, 8, 8, grad=True)
    found = last(op(1, "interpolate", FAKES, out=grown), judged(2, grown))
    assert found.shown == FAKE
    assert found.inputs[0].paths == {0: ("interpolate",)}
    assert "→ interpolate → D" in lines(op(1, "interpolate", FAKES, out=grown), judged(2, grown))[0]


def test_blends_whose_gradient_is_asked_for() -> None:
    part, blend = record(0.3), record(0.4)
    calls = [
        op(1, "mul", record(0.5, 8, 1, 1, 1), FAKES, out=part),
        op(2, "add", REALS, part, out=blend),
        judged(3, replace(blend, requires_grad=True)),
    ]
    assert last(*calls).shown == BETWEEN
    assert "blended with x → D → 8×1 — D(blend) 0.530" in lines(*calls)[0]


def test_noise_added_to_fakes_leaves_them_fake() -> None:
    noisy = record(0.4, grad=True)
    assert last(op(1, "add", FAKES, record(0.0), out=noisy), judged(2, noisy)).shown == FAKE


def test_one_batch_of_both() -> None:
    both = record(0.5, 16, 1, 4, 4, grad=True)
    calls = [op(1, "cat", REALS, FAKES, out=both), judged(2, both)]
    assert last(*calls).shown == BOTH
    assert "in one batch with x → D → 16×1 — D(x and G(z)) 0.520" in lines(*calls)[0]


def test_a_condition_beside_fakes_leaves_them_fake() -> None:
    pair = record(0.5, 8, 2, 4, 4, grad=True)
    assert last(op(1, "cat", REALS, FAKES, out=pair), judged(2, pair)).shown == FAKE
    labels = replace(record(4.5, 8), dtype="int64", name="labels")
    assert last(judged(1, FAKES, labels)).shown == FAKE
    assert "x 8×1×4×4 + labels 8 → D" in lines(judged(1, REALS, labels))[1]


def test_identity_needs_no_figures_and_figures_are_no_identity() -> None:
    blind = replace(FAKES, stats=None, note="sparse")
    made = replace(MADE, outputs=(blind,))
    assert forwards(Step(0, (made, judged(1, blind))))[-1].shown == FAKE
    unknown = replace(blind, id=None)
    made = replace(MADE, outputs=(unknown,))
    assert forwards(Step(0, (made, judged(1, unknown))))[-1].shown == REAL


@pytest.mark.parametrize(
    ("low", "high", "final", "text"),
    [
        (0.2, 0.8, "Sigmoid", "D(x) 0.510"),
        (0.2, 0.8, None, "D(x) 0.510"),
        (0.2, 0.8, "Linear", "D(x) mean output 0.510 (score)"),
        (-0.2, 0.8, None, "D(x) mean output 0.510 (score)"),
        (0.2, 1.8, "Sigmoid", "D(x) mean output 0.510 (score)"),
    ],
)
def test_logits_are_not_called_probabilities(
    low: float, high: float, final: str | None, text: str
) -> None:
    verdict = tensor(8, 1, figures=stats(0.51, 0.1, low, high))
    outer = call(1, "D", "Critic", inputs=(REALS,), outputs=(verdict,), network="D")
    flat = view_of(verdict, shape=(8,))
    inner = [
        call(2, "D.last", final or "", parent=1, outputs=(verdict,), network="D"),
        call(3, "D.other", "Linear", parent=1, outputs=(record(0.3, 8, 1),), network="D"),
        call(4, "D/view", "view", parent=1, kind="op", outputs=(flat,), network="D"),
    ]
    calls = (outer, *(inner if final else []))
    ran = forwards(Step(0, calls))
    assert output_text(verdicts(Step(0, calls), ran)[1]) == text


def test_one_network_says_probabilities_each_time_or_never() -> None:
    """A score may happen to lie between 0 and 1."""
    inside, outside = (tensor(8, 1, figures=stats(0.4, 0.1, low, 0.9)) for low in (0.1, -0.1))
    calls = [
        call(place, "D", "Critic", inputs=(record(place / 10),), outputs=(said,), network="D")
        for place, said in enumerate((inside, outside), 1)
    ]
    ran = forwards(Step(0, tuple(calls)))
    texts = {output_text(one) for one in verdicts(Step(0, tuple(calls)), ran).values()}
    assert texts == {"D(input) mean output 0.400 (score)"}


@pytest.mark.parametrize(
    ("loss", "unit"),
    [
        ("binary_cross_entropy_with_logits", "logits"),
        ("BCEWithLogitsLoss", "logits"),
        ("softplus", "logits"),
        ("mean", "score"),
    ],
)
def test_what_is_no_probability_is_called_logits_where_a_loss_takes_such(
    loss: str, unit: str
) -> None:
    verdict = tensor(8, 1, figures=stats(0.51, 0.1, -1.0, 2.0))
    outer = call(1, "D", "Critic", inputs=(REALS,), outputs=(verdict,), network="D")
    step = Step(0, (outer, call(2, "", loss, kind="op", inputs=(verdict,), network="")))
    said = verdicts(step, forwards(step))[1]
    assert output_text(said) == f"D(x) mean output 0.510 ({unit})"


def test_points_of_a_penalty_are_not_taken_for_real_where_their_making_is_not_told() -> None:
    trace = recorded("penalty")
    calls = tuple(call for call in trace.steps[0].calls if call.type not in ("mul", "add", "rsub"))
    read = story(with_step(trace, calls=calls))
    assert [one.shown for one in read.forwards if one.shown][:3] == [PROBED, FAKE, REAL]
    texts = [line.whole for line in flow_lines(
        read.ran(read.step.updates[0]), read.forwards, read.outputs, read.cast
    )]  # fmt: skip
    assert (
        "points of the penalty 8×1×4×4 → netD → 8×1 — D(probe) mean output 0.154 (score)" in texts
    )
    assert "x 8×1×4×4 → netD → 8×1 — D(x) mean output 0.143 (score)" in texts


def test_real_images_whose_gradient_is_asked_for_stay_real() -> None:
    """As a penalty on real images (R1) does, in a call of its own or in the same one."""
    asked = replace(REALS, requires_grad=True)
    grad = Update(0, backwards=(Backward(0, "d", "grad", {}),))
    for calls in ((judged(1, asked),), (judged(1, REALS), judged(2, asked))):
        found = forwards(Step(0, calls, (grad,)))
        assert {one.shown for one in found} == {REAL}
    other = replace(record(0.8), requires_grad=True)
    found = forwards(Step(0, (judged(1, REALS), judged(2, other)), (grad,)))
    assert [one.shown for one in found] == [REAL, PROBED]
    found = forwards(Step(0, (judged(1, REALS), judged(2, other))))
    assert [one.shown for one in found] == [UNTOLD, UNTOLD]


def test_the_recorded_loops_are_read_right() -> None:
    def shown(name: str) -> Iterator[tuple[int | None, str]]:
        for one in story(recorded(name)).forwards:
            if one.shown:
                yield one.call.update, one.shown

    assert list(shown("walkthrough")) == [(0, FAKE), (1, REAL), (1, FAKE)]
    assert list(shown("penalty")) == [
        (0, BETWEEN), (0, FAKE), (0, REAL), (1, BETWEEN), (1, FAKE), (1, REAL), (2, FAKE),
    ]  # fmt: skip
    assert [one.call.label for one in story(recorded("penalty")).evaluations] == [
        "netG", "netG #5",
    ]  # fmt: skip


def test_an_image_to_image_generator_takes_an_input() -> None:
    made = replace(MADE, inputs=(record(0.7),))
    step = Step(0, (made, judged(1, FAKES)))
    ran = forwards(step)
    line = next(flow_lines(ran, ran, verdicts(step, ran), CAST))
    assert line.whole == "input 8×1×4×4 → G → 8×1×4×4 → D → 8×1 — D(G(input)) 0.510"


def test_vectors_that_the_discriminator_takes_for_data_are_no_noise() -> None:
    """CycleGAN on points."""
    data = record(0.7, 8, 6)
    made = replace(MADE, inputs=(data,))
    step = Step(0, (made, judged(1, FAKES), judged(2, data)))
    ran = forwards(step)
    told = [line.whole for line in flow_lines(ran, ran, verdicts(step, ran), CAST)]
    assert told == [
        "input 8×6 → G → 8×1×4×4 → D → 8×1 — D(G(input)) 0.510",
        "x 8×6 → D → 8×1 — D(x) 0.520",
    ]


def test_what_ran_again_for_the_backward_pass_is_not_told_again() -> None:
    again = replace(judged(2, REALS), recomputed=True, outputs=())
    assert lines(judged(1, REALS), again) == lines(judged(1, REALS))


def test_batches_of_classes_are_not_told_by_their_figures() -> None:
    """Any two batches of ones among zeros have the same."""
    histogram = Histogram(0.0, 1.0, (40, *([0] * 30), 8))
    figures = replace(stats(1 / 6, 0.37, 0.0, 1.0), histogram=histogram)
    classes = tensor(8, 6, figures=figures)
    made = replace(MADE, outputs=(another(classes, requires_grad=True),))
    other = another(classes, preview=(0.0, 1.0))
    for real in (classes, other):
        assert forwards(Step(0, (made, judged(1, real))))[-1].shown == REAL
    assert forwards(Step(0, (made, judged(1, *made.outputs))))[-1].shown == FAKE
    cut = op(1, "detach", *made.outputs, out=classes)
    assert forwards(Step(0, (made, cut, judged(2, classes))))[-1].shown == FAKE
    assert forwards(Step(0, (made, cut, judged(2, other))))[-1].shown == REAL
