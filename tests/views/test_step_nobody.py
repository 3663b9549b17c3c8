"""Why no discriminator was told: one line, where several networks are trained."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

import ganscope
from ganscope.traces import Trace
from ganscope.views import ViewOptions
from ganscope.views.steps.story import tell
from ganscope.views.steps.words import ending

from .steps import recorded

BATCH = 8


def said(trace: Trace) -> list[str]:
    texts = (remark.text for remark in ending(tell(trace, trace.steps[0], ViewOptions())))
    return [text for text in texts if "no discriminator" in text]


def test_nothing_is_said_where_there_is_one() -> None:
    assert said(recorded()) == []


def test_a_front_end_that_others_go_on_from_is_named() -> None:
    torch.manual_seed(0)
    front, D, Q, G = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(8, 3), nn.Linear(4, 6)
    d_optimizer = torch.optim.Adam([*front.parameters(), *D.parameters()])
    g_optimizer = torch.optim.Adam([*G.parameters(), *Q.parameters()])
    with ganscope.record() as recorder:
        for _ in range(2):
            x, fake = torch.randn(BATCH, 6), G(torch.randn(BATCH, 4))
            d_optimizer.zero_grad()
            (D(front(fake.detach())).mean() - D(front(x)).mean()).backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            features = front(fake)
            (Q(features).pow(2).mean() - D(features).mean()).backward()
            g_optimizer.step()
    assert said(recorder.trace) == [
        "no discriminator was told, so there is no D(x): front is shown both what another network "
        "made and data, but what it makes of them goes on into D and Q"
    ]


def test_networks_of_which_none_judges_are_named() -> None:
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
    with ganscope.record() as recorder:
        for _ in range(2):
            x = torch.randn(BATCH, 6)
            optimizer.zero_grad()
            (decoder(encoder(x)) - x).pow(2).mean().backward()
            optimizer.step()
    assert said(recorder.trace) == [
        "no discriminator was told, so there is no D(x): none of encoder and decoder takes what "
        "another one made in one call, and data alone in another"
    ]


def test_a_single_trained_network_is_no_matter() -> None:
    network = nn.Linear(6, 1)
    optimizer = torch.optim.Adam(network.parameters())
    with ganscope.record() as recorder:
        for _ in range(2):
            optimizer.zero_grad()
            network(torch.randn(BATCH, 6)).mean().backward()
            optimizer.step()
    assert said(recorder.trace) == []


def test_where_nothing_tells_why_no_reason_is_made_up() -> None:
    unknown = tuple(replace(network, role="unknown") for network in recorded().networks)
    assert said(replace(recorded(), networks=unknown)) == [
        "no discriminator was told, so there is no D(x): what the networks did does not show who "
        "judges whom"
    ]
