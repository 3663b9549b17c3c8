"""Losses, backward runs, the ledger and the lessons, in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ganscope.analysis.graph import origin_id
from ganscope.traces import (
    Backward,
    Call,
    Gradient,
    GradientSplit,
    LedgerEntry,
    Loss,
    LossPart,
    Network,
    Step,
    Trace,
    Update,
)
from ganscope.views.steps import ledger
from ganscope.views.steps.cast import Cast, joined, numeral
from ganscope.views.steps.depth import profile
from ganscope.views.steps.lessons import lessons
from ganscope.views.steps.losses import backward_texts, loss_texts
from ganscope.views.steps.words import about, ending

from .builders import call, stats, tensor
from .steps import forgotten, recorded, story, update_of, with_calls, with_step, with_update

CAST = Cast(
    (Network("generator", "G", "generator", 9), Network("discriminator", "D", "discriminator", 9))
)


def loss(value: float, *parts: float) -> str:
    made = tuple(LossPart(f"part{place}", part) for place, part in enumerate(parts))
    return loss_texts(Update(0, losses=(Loss("loss", value, None, made),)))[0]


def test_a_loss_is_the_sum_of_its_parts_only_where_it_is() -> None:
    assert loss(0.7) == "loss 0.700"
    assert loss(1.2, 0.5, 0.7) == "loss 1.200 = part0 0.500 + part1 0.700"
    assert loss(0.6, 0.5, 0.7) == "loss 0.600 = (part0 0.500 + part1 0.700) / 2"
    assert loss(-0.2, 0.5, 0.7) == "loss -0.200 = part0 0.500 − part1 0.700"
    assert loss(0.2, 0.5, 0.7) == "loss 0.200 = − part0 0.500 + part1 0.700"
    assert loss(5.0, 0.5, 0.7) == "loss 5.000 from part0 0.500, part1 0.700"
    assert loss(0.5, 0.5) == "loss 0.500 from part0 0.500"
    assert loss(math.nan, 0.5, 0.7) == "loss nan from part0 0.500, part1 0.700"


def test_rounding_in_single_precision_is_no_difference() -> None:
    assert " = " in loss(0.7063841819763184, 0.6243841648101807, 0.7883841991424561)
    assert " from " in loss(0.7073841819763184, 0.6243841648101807, 0.7883841991424561)


def test_losses_of_one_name_share_a_line() -> None:
    some = tuple(Loss("loss", value, None) for value in (0.1, 0.2, 0.3, 0.4, 0.5))
    assert loss_texts(Update(0, losses=some)) == ["5 × loss 0.100, 0.200, 0.300, 0.400, …"]


def test_a_loss_named_by_an_expression_is_shortened() -> None:
    text = loss_texts(Update(0, losses=(Loss("bce(D(G(z)), ones) + " * 5, 0.5, None),)))[0]
    assert text.endswith("… 0.500")
    assert len(text) < 50


def test_a_number_behind_a_long_expression_is_kept() -> None:
    name = "binary_cross_entropy(D(G(z)), torch.ones(8, 1)) #2"
    text = loss_texts(Update(0, losses=(Loss(name, 0.5, None),)))[0]
    assert text == "binary_cross_entropy(D(G(z)), …) #2 0.500"


def backwards(*entries: LedgerEntry, **reached: int) -> str:
    run = Backward(0, "loss", "backward", reached)
    update = Update(0, networks=("generator",), backwards=(run,))
    step = Step(0, (), (update, Update(1, networks=("discriminator",))), entries)
    return next(backward_texts(step, update))


def test_whom_a_backward_reached() -> None:
    cleared = LedgerEntry("discriminator", 0, 6, "cleared", 1)
    used = LedgerEntry("generator", 0, 16, "used", 0)
    assert backwards(used, cleared, discriminator=6, generator=16) == (
        "backward reached generator (16 parameter tensors) and, unused, discriminator (6)"
    )
    wrong = replace(cleared, fate="used")
    assert backwards(used, wrong, generator=16, discriminator=1) == (
        "backward reached generator (16 parameter tensors) and, used in ②, discriminator (1)"
    )
    assert backwards(generator=1) == "backward reached generator (1 parameter tensor)"
    assert backwards(cleared, discriminator=6) == (
        "backward reached discriminator (6 parameter tensors), unused"
    )
    assert backwards(wrong, discriminator=6) == (
        "backward reached discriminator (6 parameter tensors), used in ②"
    )
    assert backwards(used, wrong, cleared, encoder=2, discriminator=6, generator=16) == (
        "backward reached generator (16 parameter tensors); encoder (2), unused; "
        "discriminator (6), used in ②"
    )
    twice = replace(wrong, tensors=2)
    assert backwards(wrong, twice, discriminator=6).endswith("tensors), used in ②")
    assert backwards() == "backward reached no parameter"


def test_several_backwards_and_gradients_of_inputs() -> None:
    runs = tuple(Backward(number, "loss", "backward", {"generator": 4}) for number in range(3))
    grad = Backward(3, "d(x)", "grad", {})
    update = Update(0, networks=("generator",), backwards=(*runs, grad))
    assert list(backward_texts(Step(0, (), (update,)), update)) == [
        "3 × backward reached generator (4 parameter tensors)",
        "autograd.grad of d(x) took a gradient and left none in any parameter",
    ]


def test_backwards_of_which_different_things_became_share_no_line() -> None:
    runs = tuple(Backward(number, "loss", "backward", {"generator": 4}) for number in range(3))
    update = Update(0, networks=("generator",), backwards=runs)
    entries = [LedgerEntry("generator", number, 4, "used", 0) for number in range(3)]
    cleared = replace(entries[0], fate="cleared")
    assert list(backward_texts(Step(0, (), (update,), (cleared, *entries[1:])), update)) == [
        "backward reached generator (4 parameter tensors), unused",
        "2 × backward reached generator (4 parameter tensors)",
    ]


# -- the ledger ----------------------------------------------------------------------------------


def said(trace: Trace, index: int) -> list[tuple[str, bool]]:
    step = trace.steps[0]
    found = ledger.remarks(step, step.updates[index], Cast(trace.networks))
    return [(one.text, one.is_warning) for one in found]


def test_cleared_in_time() -> None:
    assert said(recorded(), 0) == []
    assert said(recorded(), 1) == [
        (
            "The discriminator's 4 gradients from the backward of ① were cleared before this "
            "update",
            False,
        )
    ]


def test_a_forgotten_zero_grad() -> None:
    assert said(forgotten(), 1) == [
        (
            "The discriminator's 4 gradients from the backward of ① were never cleared and added "
            "to this update's own; call zero_grad() before the backward",
            True,
        )
    ]
    lesson = next(text for text in lessons(story(forgotten()), update_of(forgotten(), 1))
                  if "NOT cleared" in text)  # fmt: skip
    assert lesson == (
        "A backward adds to the gradients that are there. The 4 gradients that the backward of ① "
        "had left in the discriminator were NOT cleared: the optimizer followed the sum of both, "
        "so the discriminator was moved along another loss too."
    )


def test_the_warning_stays_where_lessons_are_given() -> None:
    told = about(story(forgotten(), explain=True), update_of(forgotten(), 1))
    assert [one.is_warning for one in told.remarks] == [True]
    told = about(story(explain=True), update_of(recorded(), 1))
    assert told.remarks == ()


def test_gradients_of_an_earlier_step() -> None:
    entries = (
        LedgerEntry("discriminator", -1, 1, "cleared", 0),
        LedgerEntry("generator", -1, 6, "used", 0),
    )
    trace = with_step(recorded(), ledger=entries)
    assert said(trace, 0) == [
        (
            "The discriminator's 1 gradient from a backward of an earlier step was cleared here",
            False,
        ),
        (
            "The generator's 6 gradients from a backward of an earlier step were never cleared "
            "and used in this update; call zero_grad() before the backward",
            True,
        ),
    ]


def test_accumulation_is_no_mistake() -> None:
    runs = tuple(Backward(number, "loss", "backward", {"generator": 6}) for number in range(3))
    entries = tuple(LedgerEntry("generator", number, 6, "used", 0) for number in range(3))
    trace = with_step(with_update(recorded(), 0, backwards=runs), ledger=entries)
    assert said(trace, 0) == []


def test_what_is_left_at_the_end() -> None:
    left = LedgerEntry("discriminator", 0, 4, "left", None)
    trace = with_step(recorded(), ledger=(left,))
    assert [one.text for one in ending(story(trace))] == [
        "The discriminator keeps 4 gradients from the backward of ①: they add to the next "
        "backward's unless cleared before"
    ]
    assert ending(story()) == ()


def test_gradients_of_one_backward_that_stand_in_two_entries_are_counted_together() -> None:
    halves = (LedgerEntry("discriminator", 0, 2, "left", None),) * 2
    others = LedgerEntry("discriminator", 1, 3, "left", None)
    (remark,) = ending(story(with_step(recorded(), ledger=(*halves, others))))
    assert remark.text.startswith("The discriminator keeps 4 gradients from the backward of ① and")


# -- lessons -------------------------------------------------------------------------------------


def taught(trace: Trace, index: int) -> str:
    return " ".join(lessons(story(trace), update_of(trace, index)))


def test_what_a_generators_update_teaches() -> None:
    text = taught(recorded(), 0)
    assert "The generator learns through the discriminator's verdict, D(G(z)) = 0.545" in text
    assert "g_loss 0.608 is the cross entropy of D(G(z)) with 1, the mean of −ln D(G(z))" in text
    assert "moved: from 1.7e-4 in generator.model.1 to 0.0011 in generator.model.3" in text
    assert "Adam's first step" not in text
    assert "etach" not in text


def test_a_loss_that_is_no_cross_entropy_is_not_called_one() -> None:
    first = recorded().steps[0].updates[0].losses[0]
    other = with_update(recorded(), 0, losses=(replace(first, value=0.9),))
    assert "cross entropy" not in taught(other, 0)
    assert "cross entropy" not in taught(
        with_update(recorded(), 0, losses=(replace(first, call=1),)), 0
    )


def test_fakes_that_were_not_detached() -> None:
    calls = recorded().steps[0].calls
    made = next(call.outputs[0] for call in calls if call.path == "generator")

    def follow(call: Call) -> Call:
        """The call, shown the generator's images with their history."""
        records = [
            made if origin_id(record) == origin_id(made) else record for record in call.inputs
        ]
        return replace(call, inputs=tuple(records)) if call.network else call

    run = Backward(1, "d_loss", "backward", {"generator": 6, "discriminator": 4})
    detached = with_update(recorded(), 1, backwards=(run,))
    assert "etach" not in taught(detached, 1)  # another backward went there
    text = taught(with_calls(detached, follow), 1)
    assert (
        "The fake images were not detached, so the backward went on into the generator "
        "(6 parameter tensors): work that this update has no use for" in text
    )


def test_a_penalty_is_explained_and_nothing_is_taught_twice() -> None:
    trace = recorded("penalty")
    first, second = taught(trace, 0), taught(trace, 1)
    assert "A call of autograd.grad asked how the discriminator's output changes at blends" in first
    assert (
        "netD is updated 2 times in this step, to 1 update of netG; Wasserstein GANs call that "
        "number n_critic" in first
    )
    assert "autograd.grad" not in second
    assert "D(x) = 0.288 on real images" in second
    assert "it is no probability" in first
    assert "which it wants higher" in taught(trace, 2)


@pytest.mark.parametrize(
    ("norms", "words"),
    [
        ((1.0, 1.1, 1.2), "changes little: from 1.200 at d.2 to 1.000 at d.0"),
        ((0.1, 0.5, 1.0), "falls from 1.000 at d.2 to 0.100 at d.0: 10 times smaller"),
        ((9.0, 5.0, 3.0), "grows from 3.000 at d.2 to 9.000 at d.0: 3.0 times larger"),
        (
            (1.0, 24.0, 1.2),
            "ends near where it began, from 1.200 at d.2 to 1.000 at d.0; in between it is as "
            "large as 24.00 at d.1",
        ),
        (
            (1.0, 0.01, 9.0, 0.4),
            "grows from 0.400 at d.3 to 1.000 at d.0: 2.5 times larger; in between it is as large "
            "as 9.000 at d.2 and as small as 0.0100 at d.1",
        ),
    ],
)
def test_the_way_of_the_gradient(norms: tuple[float, ...], words: str) -> None:
    made = [tensor(8, place + 1, requires_grad=True) for place in range(len(norms) + 1)]
    out = call(0, "d", "Net", outputs=(made[-1],), network="d")
    layers = [
        call(
            place + 1,
            f"d.{place}",
            "Linear",
            parent=0,
            inputs=(made[place],),
            outputs=(made[place + 1],),
            network="d",
            gradients=(Gradient(1, 0, stats(0.0, 0.1, -1.0, 1.0, norm=norm)),),
        )
        for place, norm in enumerate(norms)
    ]
    update = Update(0, networks=("d",), backwards=(Backward(1, "loss", "backward", {"d": 2}),))
    trace = with_step(recorded(), calls=(out, *layers), updates=(update,), ledger=())
    named = replace(trace, networks=(Network("d", "Net", "discriminator", 9),))
    said = list(profile(story(named), update))
    assert said == [f"on its way back the gradient's norm {words}"]


@pytest.mark.parametrize(
    ("angle", "total", "words"),
    [
        (170.0, 0.2, "they pull against each other, and much of both cancels. The sum's norm is "
            "only 0.200"),
        (105.0, 1.24, "they pull partly against each other. The sum's norm is 1.240"),
        (92.0, 1.4, "close to a right angle, so neither helps nor hinders the other."),
        (75.0, 1.6, "they pull partly the same way"),
        (20.0, 1.9, "they pull the same way"),
    ],
)  # fmt: skip
def test_how_real_and_fake_pull_on_a_discriminator(angle: float, total: float, words: str) -> None:
    split = GradientSplit("discriminator", 1.0, 0.9, total, angle)
    assert words in taught(with_step(recorded(), split=split), 1)


def test_every_lesson_is_a_sentence() -> None:
    for name in ("walkthrough", "penalty"):
        trace = recorded(name)
        for update in trace.steps[0].updates:
            for text in lessons(story(trace), update):
                assert text.endswith(".")
                assert not text.endswith("..")
                assert text[0].isupper() or text.startswith(("netG", "netD"))


def test_small_words() -> None:
    assert joined(["a"]) == "a"
    assert joined(["a", "b"]) == "a and b"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined([]) == "nothing"
    assert numeral(0) == "①"
    assert numeral(19) == "⑳"
    assert numeral(20) == "(21)"
    assert CAST.sentence("the loss") == "The loss"
    assert CAST.sentence("g_loss is") == "g_loss is"
    assert CAST.sentence("netG learns") == "netG learns"
    critics = Cast((Network("critic", "Critic", "discriminator", 1),))
    assert critics.sentence("critic's verdict") == "critic's verdict"
    assert CAST.introduced("generator") == "the generator"
    assert Cast((Network("netG", "G", "generator", 1),)).introduced("netG") == "netG, the generator"


@pytest.mark.parametrize("index", [0, 1])
def test_an_update_without_losses_says_so(index: int) -> None:
    bare = with_update(recorded(), index, losses=(), backwards=())
    assert about(story(bare), update_of(bare, index)).runs == ("no loss was seen",)
    assert lessons(story(bare), update_of(bare, index))


def test_a_zero_grad_that_was_forgotten_in_every_step() -> None:
    trace = forgotten()
    step = trace.steps[0]
    ledger = tuple(
        replace(each, backward=-1) if (each.fate, each.update) == ("used", 1) else each
        for each in step.ledger
        if each.backward != 1
    )
    again = replace(trace, steps=(replace(step, ledger=ledger),))
    (warning,) = said(again, 1)
    assert warning[0].startswith(
        "The discriminator's 4 gradients from a backward of an earlier step were never cleared"
    )
    lesson = next(text for text in lessons(story(again), update_of(again, 1))
                  if "NOT cleared" in text)  # fmt: skip
    assert lesson.endswith("so the discriminator was moved along earlier gradients too.")


def test_a_sum_of_many_parts_is_told_and_no_choice_of_signs_is_guessed() -> None:
    values = (1.0, 0.5, 0.25, 0.125, 2.0, 4.0)
    parts = tuple(LossPart(f"part_{place}", value) for place, value in enumerate(values))
    signed = sum(values) - 2 * values[3]
    losses = (Loss("a", sum(values), None, parts), Loss("b", signed, None, parts))
    whole, guessed = loss_texts(replace(update_of(forgotten(), 1), losses=losses))
    assert whole.startswith("a 7.875 = part_0 1.000 + part_1 0.500 + ")
    assert guessed.startswith("b 7.625 from part_0 1.000, ")
