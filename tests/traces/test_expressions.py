"""Expressions that are used as names."""

from __future__ import annotations

import pytest

from ganscope.traces.expressions import LONGEST, shortened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d_loss", "d_loss"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * 50, f"{'x' * 39}…"),
        (
            "10 / 2 * r1_loss * args['d_reg_every'] + 0 * D(x)[0]",
            "10 / 2 * r1_loss * args['d_reg_every'] …",
        ),
        (
            "((gradients.view(5, -1).norm(2, dim=1) - 1) ** 2).mean()",
            "((gradients.view(5, -1).norm(2, dim=…)))",
        ),
        (
            "bce(D(x), torch.ones(8, 1)) + bce(D(fake.detach()), zeros)",
            "bce(D(x), torch.ones(8, 1)) + bce(D(…))",
        ),
        ("losses['the name of this loss is (rather) long']", "losses[…]"),
        ("it's no expression at all, but some words of a user", "it…"),
    ],
)
def test_a_long_one_is_cut_and_closed(text: str, expected: str) -> None:
    assert shortened(text) == expected
    assert len(shortened(text)) <= LONGEST
