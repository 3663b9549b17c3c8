from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ganscope.traces import Call, Network
from ganscope.views import ViewOptions, to_text
from ganscope.views.explain import sentences
from ganscope.views.explanations import registry, types
from ganscope.views.explanations.context import Context
from ganscope.views.rows import rows_of

from .builders import call, failing_trace, generator_trace, stats, tensor, trace_of

CONVOLUTION = "3, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1)"


def one(kind: str, before: tuple[int, ...], after: tuple[int, ...], **changes: object) -> Call:
    made = tensor(*after, figures=changes.pop("figures", None))  # type: ignore[arg-type]
    given = call(0, "net.0", kind, inputs=(tensor(*before),), outputs=(made,))
    return replace(given, **changes)  # type: ignore[arg-type]


def said(call: Call, role: str = "other", mode: str | None = None) -> str:
    context = Context(mode, {"net": role}, [call])
    return types.describe(call, context) or types.describe_unknown(call)


def everything() -> dict[int, str]:
    trace = generator_trace()
    return sentences(trace, 0, rows_of(trace.steps[0].calls))


def test_every_row_of_the_walkthrough_is_explained() -> None:
    assert len(everything()) == 16


def test_every_sum_in_the_walkthrough_is_right() -> None:
    text = " ".join(everything().values())
    sums = re.findall(r"(\d+)·(\d+)(?: \+ (\d+))? = ([\d,]+) parameters", text)
    assert len(sums) == 8
    for first, second, added, total in sums:
        assert int(first) * int(second) + int(added or 0) == int(total.replace(",", ""))


def test_linear() -> None:
    assert everything()[2] == (
        "Each of the 64 rows: 100 numbers times a 128×100 weight matrix plus 128 biases "
        "(x·Wᵀ + b) give 128 numbers; 100·128 + 128 = 12,928 parameters."
    )
    bare = one("Linear", (4, 2), (4, 3), settings="in_features=2, out_features=3, bias=False")
    assert "bias" not in said(replace(bare, parameters=6))
    assert said(replace(bare, parameters=6)).endswith("(x·Wᵀ) give 3 numbers; 2·3 = 6 parameters")


def test_a_sum_that_does_not_come_out_is_not_printed() -> None:
    settings = "in_features=2, out_features=3, bias=True"
    odd = one("Linear", (4, 2), (4, 3), settings=settings, parameters=7)
    assert "parameters" not in said(odd)
    assert "weight matrix" in said(odd)


def test_the_generator_begins_with_noise() -> None:
    assert "looks like standard normal noise" in everything()[0]
    assert "each row of 100 numbers becomes one image, 64 images at once" in everything()[0]
    trace = generator_trace()
    other = tensor(64, 100, figures=stats(3.0, 1.0, 0.0, 6.0))
    calls = (replace(trace.steps[0].calls[0], inputs=(other,)),)
    assert "noise" not in sentences(trace, 0, rows_of(calls))[0]


def test_containers_count_all_their_parts_even_if_folded() -> None:
    trace = generator_trace()
    folded = sentences(trace, 0, rows_of(trace.steps[0].calls[1:2]))
    assert folded == {1: "Runs 13 modules one after another."}
    assert everything()[0].startswith("Runs 1 module and 1 operation one after another.")


def test_batch_norm_points_at_an_unusual_eps() -> None:
    assert "2·256 = 512 parameters" in everything()[5]
    assert "eps is 0.8, far above torch's 0.00001" in everything()[5]
    usual = one("BatchNorm2d", (8, 4, 2, 2), (8, 4, 2, 2), settings="4, eps=1e-05")
    assert "far above" not in said(usual)
    assert "for each of the 4 maps" in said(usual)


def test_activations() -> None:
    assert everything()[3] == (
        "Each number: x if x > 0, else 0.2·x; 50% of the values are now ≤ 0; "
        "its input is overwritten (in place)."
    )
    assert "-1..1, the range that pixels are scaled to; here from -0.186" in everything()[14]
    assert "pixels" not in said(one("Tanh", (4, 2), (4, 2)))
    zeros = stats(0.4, 0.5, 0.0, 2.0, fraction_zero=0.5)
    assert "50% of the values are now 0" in said(one("ReLU", (4, 2), (4, 2), figures=zeros))


def test_an_activation_inside_a_network_is_not_its_last_word() -> None:
    hidden = tensor(4, 8, figures=stats(0.1, 0.5, -0.9, 0.9))
    for kind, role in (("Tanh", "generator"), ("Sigmoid", "discriminator")):
        inside = call(1, "net.0", kind, parent=0, outputs=(hidden,))
        outer = call(0, "net", "Net", outputs=(tensor(4, 1, 2, 4),))
        context = Context(None, {"net": role}, [outer, inside])
        text = types.describe(inside, context)
        assert text is not None
        assert "pixels" not in text
        assert "real" not in text


def test_sigmoid_speaks_of_the_verdict_only_in_a_discriminator() -> None:
    verdict = one("Sigmoid", (4, 1), (4, 1), figures=stats(0.497, 0.01, 0.48, 0.51))
    assert "about 0.5 means that it cannot tell; here the mean is 0.497" in said(
        verdict, "discriminator"
    )
    assert "real" not in said(verdict, "other")


def test_the_discriminator_gives_one_number_per_image() -> None:
    calls = (call(0, "d", "D", inputs=(tensor(64, 1, 28, 28),), outputs=(tensor(64, 1),)),)
    trace = trace_of(*calls, networks=(Network("d", "D", "discriminator", 0),))
    assert "One number per image, 64 images" in sentences(trace, 0, rows_of(calls))[0]


def test_a_view_computes_nothing() -> None:
    assert everything()[15] == (
        "Only re-reads the same 784 numbers of each entry as 1×28×28; nothing is computed."
    )
    flatten = one("Flatten", (8, 128, 4, 4), (8, 2048))
    assert "(128·4·4 = 2,048)" in said(flatten)
    assert "re-reads" not in said(one("view", (8, 3), (8, 4)))


def test_convolution() -> None:
    given = one("Conv2d", (8, 3, 28, 28), (8, 64, 14, 14), settings=CONVOLUTION, parameters=3136)
    text = said(given)
    assert "64 kernels of 3×4×4 slide over 3 maps" in text
    assert "size (28 + 2·1 - 4) / 2 + 1 = 14;" in text
    assert "64·3·4·4 + 64 = 3136".replace("3136", "3,136") in text
    odd = one("Conv2d", (8, 3, 29, 29), (8, 64, 14, 14), settings=CONVOLUTION)
    assert "= 14, rounded down" in said(odd)


def test_transposed_convolution() -> None:
    settings = "100, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False"
    given = one(
        "ConvTranspose2d", (8, 100, 7, 7), (8, 64, 14, 14), settings=settings, parameters=102_400
    )
    assert "size (7 - 1)·2 - 2·1 + 4 = 14" in said(given)
    assert "100·64·4·4 = 102,400 parameters" in said(given)


@pytest.mark.parametrize(
    ("settings", "after"),
    [(CONVOLUTION, (8, 64, 13, 13)), (CONVOLUTION.replace("(1, 1)", "same"), (8, 64, 28, 28))],
)
def test_a_size_that_does_not_come_out_is_not_printed(
    settings: str, after: tuple[int, ...]
) -> None:
    assert "size" not in said(one("Conv2d", (8, 3, 28, 28), after, settings=settings))


def test_against_torch() -> None:
    """Sizes and parameter sums are printed, thus came out, for torch's own layers."""
    nn = pytest.importorskip("torch.nn")
    torch = pytest.importorskip("torch")
    layers = [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        nn.Conv2d(4, 6, 3, dilation=2, bias=False),
        nn.ConvTranspose2d(4, 6, 4, 2, 1),
        nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2),
        nn.MaxPool2d(2),
        nn.AvgPool2d(3, stride=1, padding=1),
    ]
    for layer in layers:
        before = torch.zeros(2, 4, 9, 9)
        with torch.no_grad():
            after = layer(before)
        count = sum(parameter.numel() for parameter in layer.parameters())
        text = said(
            one(
                type(layer).__name__,
                tuple(before.shape),
                tuple(after.shape),
                settings=layer.extra_repr(),
                parameters=count,
            )
        )
        assert f"= {after.shape[-1]}" in text, text
        if count:
            assert f"= {count:,} parameters" in text, text


def test_embedding_and_joining() -> None:
    looked_up = one("Embedding", (64,), (64, 16), settings="10, 16", parameters=160)
    assert "table of 10 rows" in said(looked_up)
    assert said(looked_up).endswith("10·16 = 160 parameters")
    joined = replace(one("cat", (4, 100), (4, 110)), inputs=(tensor(4, 100), tensor(4, 10)))
    assert "along dimension 1: 100 + 10 = 110" in said(joined)


def test_what_is_not_known_is_described_by_its_shapes() -> None:
    assert said(one("Mystery", (4, 2), (4, 3))) == "Mystery turns 4×2 into 4×3"


@pytest.mark.parametrize("kind", sorted(registry.explained()))
def test_no_sentence_needs_more_than_a_bare_record(kind: str) -> None:
    blank = replace(tensor(1), shape=None, stats=None)
    for inputs in ((), (blank,), (tensor(),), (tensor(4),), (tensor(0, 3, 2, 2),)):
        for outputs in (inputs, (blank,), (tensor(4, 4, 4, 4),)):
            for settings in ("", "a, b", "kernel_size=(0, 0)", "groups=0, kernel_size=3"):
                given = call(0, "net", kind, inputs=inputs, outputs=outputs, settings=settings)
                text = said(given, "discriminator")
                assert text
                assert "None" not in text


def test_a_type_is_explained_once() -> None:
    with pytest.raises(ValueError, match="explained already"):
        registry.explains("Linear")(lambda call, role: None)


def test_a_failed_layer_is_not_explained() -> None:
    text = to_text(failing_trace(), ViewOptions(width=100, explain=True))
    assert "256×128" not in text
    assert "Runs" not in text


def test_an_operation_that_is_not_known_keeps_its_name() -> None:
    given = replace(one("roll", (4, 4), (4, 4)), kind="op")
    assert said(given) == "the operation roll turns 4×4 into 4×4"
