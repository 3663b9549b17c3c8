"""The step view on a terminal: golden pages, every width, each option."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from ganscope.errors import UsageError
from ganscope.traces import GradientSplit, Judgement, Optimizer, Trace
from ganscope.views import ViewOptions, to_text
from ganscope.views.registry import is_training

from .builders import generator_trace
from .steps import both_at_once, failed, recorded, with_calls, with_step, with_update

GOLDEN = Path(__file__).parent / "data"
REGENERATE = "GANSCOPE_REGENERATE_GOLDEN"


def page(trace: Trace | None = None, width: int = 120, **options: object) -> str:
    given = ViewOptions(width=width, **options)  # type: ignore[arg-type]
    return to_text(trace or recorded(), given)


PAGES = {
    "step_80": {"width": 80},
    "step_120": {"width": 120},
    "step_grads_80": {"width": 80, "show_grads": True},
    "step_grads_120": {"width": 120, "show_grads": True},
    "step_everything_120": {
        "width": 120,
        "show_grads": True,
        "show_updates": True,
        "show_calls": True,
        "explain": True,
    },
}


@pytest.mark.parametrize("name", PAGES)
def test_golden(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    text = page(**PAGES[name]) + "\n"  # type: ignore[arg-type]
    if os.environ.get(REGENERATE):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"set {REGENERATE}=1 if this is meant"


def test_the_step_is_told_in_order() -> None:
    text = page()
    told = [
        "training step 1 · generator (Generator), 316 parameters",
        "① update of the generator · Adam lr 0.0002",
        "z 8×6 → generator → 8×1×4×4 → discriminator → 8×1  ",
        "D(G(z)) 0.545",
        "g_loss 0.608 · backward reached generator (6 parameter tensors) and, unused, "
        "discriminator (4)",
        "② update of the discriminator · Adam lr 0.0002",
        "x 8×1×4×4 → discriminator → 8×1  ",
        "D(x) 0.537",
        "G(z) of ① 8×1×4×4 → detach → discriminator → 8×1  ",
        "D(G(z)) 0.545",
        "d_loss 0.706 = (real_loss 0.624 + fake_loss 0.787) / 2 · backward reached discriminator "
        "(4 parameter tensors)",
        "The discriminator's 4 gradients from the backward of ① were cleared before this update",
    ]
    place = 0
    for words in told:
        place = text.index(words, place) + len(words)


@pytest.mark.parametrize("options", [{}, {"show_grads": True}, {"show_updates": True}])
@pytest.mark.parametrize("width", [20, 30, *range(40, 171, 3)])
def test_nothing_is_wider_than_the_width(width: int, options: dict[str, bool]) -> None:
    for trace in (recorded(), recorded("penalty")):
        lines = page(trace, width, explain=True, **options).splitlines()
        assert max(map(cell_len, lines)) <= width


LEAF = re.compile(
    r"^     (?:model\.\d  (?:Linear|BatchNorm1d|LeakyReLU|Tanh|Sigmoid)|· view)(?: |$)", re.M
)


@pytest.mark.parametrize("width", range(40, 171, 5))
def test_no_row_of_a_table_wraps(width: int) -> None:
    text = page(width=width, show_grads=True)
    assert len(LEAF.findall(text)) == 5 + 3 * 4 + 4
    assert "…" not in text


def test_columns_give_way_by_how_much_they_are_missed() -> None:
    columns = ["update/weight", "gradient bar", "activation std", "weight gradient"]
    seen = {}
    for width in range(40, 200):
        text = page(width=width, show_grads=True)
        missing = " ".join(text.partition("not shown at this width:")[2].split())
        seen[width] = [name for name in columns if name not in missing.replace("\xa0", " ")]
    for name in columns:
        first = next(width for width in seen if name in seen[width])
        assert all(name in seen[width] for width in seen if width >= first + 12), name
    assert set(columns) <= set(seen[80])
    assert "not shown" not in page(width=180, show_grads=True)


def test_all_updates_stand_in_the_same_columns() -> None:
    headers = [line for line in page(show_grads=True).splitlines() if line.startswith("   layer")]
    assert len(headers) == 2
    assert headers[0] == headers[1]


def test_gradients_only_where_asked_for() -> None:
    assert "█" not in "".join(line[60:] for line in page(width=80).splitlines())
    text = page(show_grads=True)
    assert re.search(r"gradient ─+", text)
    assert "1e-2───────1e0" in text
    assert "On its way back the gradient's norm falls from 0.649 at discriminator.model.3" in text
    assert "55 times smaller" in " ".join(text.replace("times\n", "times ").split())


def test_the_bar_follows_the_norm() -> None:
    found = re.findall(r" (\d\.\d+)\s+\d\.\d+(?:e-\d)?\s+(█+)", page(width=110, show_grads=True))
    assert len(found) > 15
    lengths = [len(bar) for _, bar in sorted(found, key=lambda pair: float(pair[0]))]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 3 * lengths[0]


def test_parameters_one_by_one() -> None:
    text = page(show_updates=True)
    for update in recorded().steps[0].updates:
        for one in update.parameters:
            assert re.search(rf"^ +{re.escape(one.name)} ", text, re.M)
    line = next(line for line in text.splitlines() if "generator.model.1.weight" in line)
    assert "····●·│······" in line
    assert "generator.model.0.weight" not in page()


def test_every_call() -> None:
    text = page(show_calls=True)
    for words in ("· detach", "· add", "· div", "Sequential"):
        assert words in text
        assert words not in page()
    assert re.search(r"^ +\d+  adversarial_loss #2 +BCELoss", text, re.M)
    numbers = [int(found) for found in re.findall(r"^ +(\d+)  [·\w ]", text, re.M)]
    assert numbers == [call.id for call in recorded().steps[0].calls]


def test_calls_of_no_update_are_shown_with_every_call() -> None:
    assert "calls that belong to no update" not in page(recorded("penalty"))
    text = page(recorded("penalty"), show_calls=True)
    assert "calls that belong to no update" in text
    assert "evaluation: 1 call of netG fed no loss, before the first update\n" in text
    assert "evaluation: 1 call of netG fed no loss\n" in text


def test_only_selects_calls_and_parameters() -> None:
    text = page(only="generator.model.0", show_updates=True)
    assert "generator.model.0.bias" in text
    assert "generator.model.3" not in text
    assert "discriminator.model.0 " not in page(only="generator.model.*")
    assert "discriminator.model.0 #2" in page(only="*.0")
    single = page(only="generator.model.3.bias", show_updates=True)
    assert "generator.model.3.bias" in single
    assert "generator.model.3.weight" not in single


def test_only_that_matches_nothing_suggests() -> None:
    with pytest.raises(UsageError, match=r"matches no path; did you mean 'generator.model.0'\?"):
        page(only="generater.model.0")


def test_folded_rows_hold_the_norms_of_all_inside() -> None:
    parameters = recorded().steps[0].updates[0].parameters
    line = next(line for line in page(depth=1).splitlines() if line.startswith("   generator "))
    whole = sum((one.weight_norm or 0) ** 2 for one in parameters) ** 0.5
    moved = sum((one.update_norm or 0) ** 2 for one in parameters) ** 0.5
    figures = line.split()
    assert figures[-3] == f"{whole:.3f}"
    assert float(figures[-1].replace("e", "E")) == pytest.approx(moved / whole, rel=0.05)


def test_without_operations() -> None:
    assert "· view" in page()
    assert "· view" not in page(ops=False)


def test_explanations_name_this_steps_figures() -> None:
    text = " ".join(page(explain=True).split())
    assert "That is why both received gradients (6 in the generator and 4 in the disc" in text
    assert "−ln D(G(z)) over the batch; at a verdict of 1/2 it is ln 2 = 0.693" in text
    assert "reached only the discriminator, and the generator took no gradient." in text
    assert "D(x) = 0.537 on real images, D(G(z)) = 0.545 on the generator's" in text
    assert "A rule of thumb is 0.001" in text
    assert "cleared before this update" not in text, "told as a lesson instead"


def test_a_failure_ends_the_step() -> None:
    text = page(failed())
    assert "② an update that failed" in text
    assert "x 8×1×4×4 → discriminator → ✗" in text
    assert "✗ failed  discriminator #2" in text
    assert "evaluation:" not in text
    assert re.search(r"discriminator #2 on x +✗\n", text), "the layers that ran are shown"


def test_what_the_discriminator_said_before_and_after() -> None:
    judgements = (
        Judgement("before", 0.502, 0.509, 0.59, 0.0),
        Judgement("after", 0.598, 0.51, 1.0, 0.25),
    )
    split = GradientSplit("discriminator", 1.282, 0.294, 1.236, 106.2)
    trace = with_step(recorded(), judgements=judgements, split=split)
    text = page(trace)
    assert "before    D(x) 0.502 · D(G(z)) 0.509 · accuracy 59% on real images, 0% on" in text
    assert "1.282 from real images, 0.294 from generated ones, 106° between them" in text
    assert "106° apart: they pull partly against each other" in " ".join(
        page(trace, explain=True).split()
    )


def test_partial_traces_say_so() -> None:
    meta = replace(recorded().meta, completeness="partial", notes=("steps 3 to 5 were lost",))
    text = page(replace(recorded(), meta=meta))
    assert "seen      partial" in text
    assert "note      steps 3 to 5 were lost" in text


def test_optimizers_that_share_an_update() -> None:
    optimizers = (
        Optimizer("opt_G", "Adam", (0.0002,)),
        Optimizer("opt_D", "SGD", (0.1, 0.01)),
    )
    trace = with_update(
        recorded(), 0, optimizers=optimizers, networks=("generator", "discriminator")
    )
    first = "① update of the generator and the discriminator · opt_G: Adam lr 0.0002 · opt_D: SGD"
    assert first in page(trace)
    assert "SGD lr 0.1, 0.01" in page(trace)


def test_each_of_several_optimizers_moves_its_own_network() -> None:
    text = " ".join(page(both_at_once(), width=200).split())
    assert "optimizer_G: Adam lr 0.0002 for the generator" in text
    assert "optimizer_D: Adam lr 0.0002 for the discriminator" in text


def test_a_scaled_gradient_and_an_overflow() -> None:
    scaled = with_update(recorded(), 0, gradient_scale=65536.0)
    assert "· gradients scaled by 65,536, shown unscaled" in page(scaled)
    update = recorded().steps[0].updates[0]
    assert update.parameters[0].gradient is not None
    sick = replace(update.parameters[0].gradient, nonfinite=3)
    parameters = tuple(
        replace(one, gradient=sick if not place else one.gradient, update_norm=0.0)
        for place, one in enumerate(update.parameters)
    )
    text = " ".join(page(with_update(scaled, 0, parameters=parameters)).split())
    assert (
        "⚠ 1 of 6 gradients hold NaN or infinite values, and no weight was moved: the scaler left "
        "this update out" in text
    )
    assert "⚠ model.0" in text


def test_repeated_updates_are_counted() -> None:
    text = page(recorded("penalty"), width=140)
    assert "① update of netD, the discriminator (1 of 2) · RMSprop lr 0.001" in text
    assert "② update of netD, the discriminator (2 of 2)" in text
    assert "③ update of netG, the generator · RMSprop" in text


def test_alike_forwards_are_shown_once() -> None:
    trace = with_calls(
        recorded("penalty"),
        lambda call: replace(call, update=0 if call.update == 1 else call.update),
    )
    text = page(trace)
    assert "netG #2 (first of 2)" in text
    assert "2 × z 8×6 → netG → 8×1×4×4 → detach → blended with x → netD → 8×1" in text


def test_a_gradient_that_no_loss_brought_is_not_shown() -> None:
    calls = recorded("penalty").steps[0].calls
    blended = next(call for call in calls if call.label == "netD.model.2")
    assert [each.backward for each in blended.gradients] == [0], "that of autograd.grad alone"
    text = page(recorded("penalty"), show_grads=True)
    line = next(line for line in text.splitlines() if line.startswith("     model.2  Linear"))
    assert "█" not in line
    assert len(re.findall("model.2  Linear.*█", text)) == 5


def test_a_backward_through_calls_of_another_update_is_shown_with_them() -> None:
    """As where the discriminator learns first, from images that the generator then learns by."""
    step = recorded().steps[0]
    assert all(each.backward == 0 for call in step.calls[:8] for each in call.gradients)
    trace = with_calls(
        recorded(), lambda call: replace(call, update=1) if call.network == "generator" else call
    )
    text = page(trace, show_grads=True)
    assert "   generator of ②" in text
    assert "G(z) of ② 8×1×4×4 → discriminator → 8×1" in text
    first, second = text.split("② update of")
    line = next(line for line in first.splitlines() if "model.3  Linear" in line)
    assert "█" in line
    assert line.rstrip().endswith("0.0011")
    assert "█" not in next(line for line in second.splitlines() if "model.3  Linear" in line)


def test_a_poor_encoding_gets_ascii() -> None:
    for options in ({}, {"show_grads": True, "show_updates": True, "explain": True}):
        given = ViewOptions(width=100, **options)  # type: ignore[arg-type]
        text = to_text(recorded(), given, encoding="ascii")
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 100
        assert "(1) update of the generator * Adam" in text


def test_several_steps_follow_each_other() -> None:
    step = recorded().steps[0]
    text = page(replace(recorded(), steps=(step, replace(step, index=7))))
    assert "training step 1 ·" in text
    assert "training step 7 ·" in text


def test_names_from_a_stranger_stay_on_their_line() -> None:
    trace = with_update(recorded(), 0, optimizers=(Optimizer("a\x1b[2J", "Ad\nam", (1.0,)),))
    trace = with_calls(trace, lambda call: replace(call, type=f"{call.type}\x1b"))
    text = page(trace, show_updates=True, show_calls=True, show_grads=True)
    assert "\x1b" not in text
    assert "Ad am lr 1" in text


def test_what_counts_as_training() -> None:
    assert is_training(recorded())
    assert not is_training(generator_trace())
    assert not is_training(replace(recorded(), steps=()))


def test_a_name_of_the_papers_stands_for_the_only_network_of_its_role() -> None:
    networks = (*recorded().networks, replace(recorded().networks[1], name="critic"))
    text = page(replace(recorded(), networks=networks))
    assert "discriminator(x) 0.537" in text
    assert "D(x)" not in text
    other = tuple(replace(one, role="unknown") for one in recorded().networks)
    assert "D(G(z))" not in page(replace(recorded(), networks=other))
