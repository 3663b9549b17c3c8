"""Parts of networks that are called by themselves: before the whole is, or beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Trace
from tests.probe.recorder.loops import roles_of


class Conditional(nn.Module):
    """As BigGAN has it: the loop calls the embedding, and hands on what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Embedding(3, 2), nn.Tanh())
        self.body = nn.Linear(8, 8)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        made: Tensor = self.body(torch.cat([z, label], 1))
        return made


def watch(steps: int = 3, *, before: bool = False) -> tuple[Trace, list[float]]:
    """The recording of a loop, and the sum of the embedding's gradient in each step.

    Args:
        steps: How many.
        before: Whether the embedding is trained by itself before the whole is ever called.
    """
    torch.manual_seed(0)
    G, D = Conditional(), nn.Sequential(nn.Linear(8, 4), nn.LeakyReLU(), nn.Linear(4, 1))
    g_opt = torch.optim.SGD(G.parameters(), 0.1)
    d_opt = torch.optim.SGD(D.parameters(), 0.1)
    sums = []
    with ganscope.record() as recorder:
        if before:
            G.embed(torch.tensor([0, 1])).sum().backward()
            g_opt.step()
            recorder.next_step()
        for _ in range(steps):
            g_opt.zero_grad()
            labels = torch.randint(3, (5,))
            g_loss = -D(G(torch.randn(5, 6), G.embed(labels))).mean()
            g_loss.backward()
            embedding: Tensor = G.embed[0].weight  # type: ignore[assignment]
            assert embedding.grad is not None
            sums.append(float(embedding.grad.double().norm()))
            g_opt.step()
            d_opt.zero_grad()
            with torch.no_grad():
                fake = G(torch.randn(5, 6), G.embed(labels))
            d_loss = D(fake).mean() - D(torch.randn(5, 8)).mean()
            d_loss.backward()
            d_opt.step()
            if before:
                recorder.next_step()
    return recorder.trace, sums


def test_what_turns_out_to_be_a_part_is_no_network_of_its_own() -> None:
    trace, norms = watch()
    assert roles_of(trace) == {"G": "generator", "D": "discriminator"}
    sizes = {network.name: network.parameters for network in trace.networks}
    assert sizes == {"G": 6 + 72, "D": 36 + 5}
    for step, norm in zip(trace.steps, norms, strict=True):
        paths = [call.path for call in step.calls if call.kind == "module" and call.parent is None]
        assert paths == ["G.embed", "G", "D", "G.embed", "G", "D", "D"]
        assert {call.network for call in step.calls if call.path.startswith("G")} == {"G"}
        inside = [call.path for call in step.calls if call.path.startswith("G.embed")][:3]
        assert inside == ["G.embed", "G.embed.0", "G.embed.1"]
        assert [update.networks for update in step.updates] == [("G",), ("D",)]
        moved = {each.name: each.gradient for each in step.updates[0].parameters}
        assert list(moved) == ["G.embed.0.weight", "G.body.weight", "G.body.bias"]
        gradient = moved["G.embed.0.weight"]
        assert gradient is not None
        assert gradient.norm is not None
        assert abs(gradient.norm - norm) <= 1e-5 * norm
        assert step.updates[0].backwards[0].reached == {"G": 3, "D": 4}


def test_what_gradients_were_told_of_keeps_its_name() -> None:
    trace, _ = watch(before=True)
    assert [network.name for network in trace.networks] == ["embed", "G", "D"]
    for step in trace.steps[1:]:
        paths = [call.path for call in step.calls if call.kind == "module" and call.parent is None]
        assert paths == ["embed", "G", "D", "embed", "G", "D", "D"]
