"""A backward through a graph that an earlier one has freed: whose forward it was, and the mend."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ganscope
from ganscope.traces import Failure

RULE = "one backward for each forward: "


def fail(kind: str, *, turns: int = 4, fails_in: int = 0) -> Failure:
    """What is told of a loop with this mistake in it, made from turn `fails_in` on."""
    torch.manual_seed(0)
    G, D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Linear(2, 1)
    opt_G, opt_D = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.1)
    bce, ones = nn.BCEWithLogitsLoss(), torch.ones(8, 1)
    outside = G(torch.randn(8, 4))

    def train_G(fake: torch.Tensor) -> None:
        opt_G.zero_grad()
        g_loss = bce(D(fake), ones)
        g_loss.backward()
        opt_G.step()

    def train_D(fake: torch.Tensor, turn: int) -> None:
        opt_D.zero_grad()
        d_loss = bce(D(torch.randn(8, 2)), ones) + bce(D(fake), 0 * ones)
        d_loss.backward()
        if kind == "twice" and turn >= fails_in:
            d_loss.backward()
        opt_D.step()

    with pytest.raises(RuntimeError, match="a second time"), ganscope.record() as recorder:
        for turn in range(turns):
            wrong = turn >= fails_in
            if kind == "G first":
                fake = G(torch.randn(8, 4))
                train_G(fake)
                train_D(fake if wrong else fake.detach(), turn)
            elif kind == "D first":
                fake = G(torch.randn(8, 4))
                train_D(fake if wrong else fake.detach(), turn)
                train_G(fake)
            else:
                fake = outside if kind == "outside" else G(torch.randn(8, 4))
                train_D(fake.detach(), turn)
                train_G(fake)
    failure = recorder.trace.failure
    assert failure is not None
    assert failure.got is not None
    assert failure.expected is not None
    return failure


@pytest.mark.parametrize("turn", [0, 2])
def test_images_that_were_not_detached(turn: int) -> None:
    failure = fail("D first", fails_in=turn)
    assert failure.got is not None
    assert failure.got.startswith("the forward of G, which d_loss.backward() (test_freed.py:")
    assert failure.expected == (
        RULE + "d_loss.backward() was to train D alone, so detach there what G has made; "
        "or run G again before g_loss.backward()"
    )


@pytest.mark.parametrize("turn", [0, 2])
def test_the_generator_has_stepped_already(turn: int) -> None:
    failure = fail("G first", fails_in=turn)
    assert failure.got is not None
    assert failure.got.startswith("the forward of G, which g_loss.backward() (test_freed.py:")
    assert failure.expected == (
        RULE + "run G again before d_loss.backward(), or detach what G has made where it is not "
        "to be trained"
    )


def test_a_forward_before_the_recording() -> None:
    failure = fail("outside")
    assert failure.got == "a graph that an earlier backward had gone through already, and freed"
    assert failure.expected == RULE + "compute anew, in each step, what the loss is made of"


def test_one_backward_too_many() -> None:
    failure = fail("twice", fails_in=1)
    assert failure.got is not None
    assert failure.got.startswith("a graph that d_loss.backward() (test_freed.py:")
    assert failure.expected == (
        RULE + "call d_loss.backward() once, or run the forward again before d_loss.backward()"
    )


def test_the_weights_of_an_earlier_recording_are_unharmed() -> None:
    """The explanation is only words: the gradients that had arrived stay as torch left them."""
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    alone = nn.Linear(2, 1)
    alone.load_state_dict(net.state_dict())
    inputs = torch.randn(3, 2)

    def twice(model: nn.Module) -> None:
        loss = model(inputs).square().sum()
        loss.backward()
        loss.backward()

    with pytest.raises(RuntimeError, match="a second time"):
        twice(alone)
    with pytest.raises(RuntimeError, match="a second time"), ganscope.record():
        twice(net)
    assert net.weight.grad is not None
    assert alone.weight.grad is not None
    assert torch.equal(net.weight.grad, alone.weight.grad)
