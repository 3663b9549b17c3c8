"""What lessons claim of labels, directions and gradients, against loops that do otherwise."""

# ruff: noqa: N803  (D, as in the papers)

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import ganscope
from ganscope.analysis.forwards import BETWEEN, FAKE, REAL
from ganscope.traces import Trace
from ganscope.views import ViewOptions
from ganscope.views.steps import ledger
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import about

BATCH = 16
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def networks(*, activation: type[nn.Module] = nn.ReLU, sigmoid: bool = False) -> list[nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    last = [nn.Sigmoid()] if sigmoid else []
    return [generator, nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 1), *last)]


def story(
    parts: list[nn.Module],
    d_loss: Loss,
    g_loss: Loss,
    optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
) -> Story:
    """The first step of a loop, told: the discriminator's update, then the generator's."""
    G, D = parts
    moved = [optimizer(each.parameters(), lr=0.001) for each in (D, G)]  # type: ignore[call-arg]
    with ganscope.record() as recorder:
        for _ in range(2):
            x, z = torch.randn(BATCH, 4) + 1, torch.randn(BATCH, 8)
            moved[0].zero_grad()
            d_loss(D, x, G(z).detach()).backward()
            moved[0].step()
            moved[1].zero_grad()
            g_loss(D, x, G(z)).backward()
            moved[1].step()
    return told(recorder.trace)


def told(trace: Trace) -> Story:
    return tell(trace, trace.steps[0], ViewOptions(explain=True))


def lessons(read: Story) -> tuple[str, str]:
    first, second = (about(read, update).lessons for update in read.step.updates)
    return " ".join(first), " ".join(second)


def scores(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return D(fake).mean() - D(x).mean()  # type: ignore[no-any-return]


def higher(D: nn.Module, _: Tensor, fake: Tensor) -> Tensor:
    return -D(fake).mean()  # type: ignore[no-any-return]


def labelled(real: float, fake: float) -> tuple[Loss, Loss]:
    """Losses of D and of G with labels."""
    bce = functional.binary_cross_entropy

    def d_loss(D: nn.Module, x: Tensor, made: Tensor) -> Tensor:
        return bce(D(x), torch.full((BATCH, 1), real)) + bce(
            D(made).view(-1), torch.full((BATCH,), fake)
        )

    def g_loss(D: nn.Module, _: Tensor, made: Tensor) -> Tensor:
        return bce(D(made), torch.full((BATCH, 1), real))

    return d_loss, g_loss


@pytest.mark.parametrize(("real", "fake"), [(1.0, 0.0), (0.9, 0.0), (0.0, 1.0), (0.0, 0.9)])
def test_labels_are_read(real: float, fake: float) -> None:
    first, second = lessons(story(networks(sigmoid=True), *labelled(real, fake)))
    assert f"It is trained toward {real:g} for real and {fake:g} for fake" in first
    assert f"which it wants to be {real:g}:" in second
    assert ("the cross entropy of D(G(z)) with 1" in second) == (real == 1)


def test_where_there_are_no_labels_none_are_claimed() -> None:
    def d_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        return -(D(x).log().mean() + (1 - D(fake)).log().mean())

    def g_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        return (1 - D(fake)).log().mean()

    first, second = lessons(story(networks(sigmoid=True), d_loss, g_loss))
    assert "D's mean verdict is D(x) = " in first
    assert "trained toward" not in first
    assert "which it wants higher" in second


def test_noisy_labels_are_not_called_one() -> None:
    def d_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        bce = functional.binary_cross_entropy
        return bce(D(x), torch.rand(BATCH, 1) * 0.2 + 0.8) + bce(D(fake), torch.zeros(BATCH, 1))

    assert "trained toward" not in lessons(story(networks(sigmoid=True), d_loss, higher))[0]


def test_a_direction_is_that_of_the_gradient() -> None:
    first, second = lessons(story(networks(), scores, higher))
    assert "training draws the two apart" in first
    assert "which it wants higher" in second
    lower = lessons(story(networks(), scores, lambda D, x, fake: D(fake).mean()))[1]
    assert "which it wants lower" in lower
    together = lessons(story(networks(), lambda D, x, f: D(x).mean() + D(f).mean(), higher))[0]
    assert "it is no probability." in together


def test_an_activation_makes_no_logits() -> None:
    read = story(networks(activation=nn.Softplus), scores, higher)
    assert {one.unit for one in read.outputs.values()} == {"score"}

    def d_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        return functional.softplus(-D(x)).mean() + functional.softplus(D(fake)).mean()

    assert {one.unit for one in story(networks(), d_loss, higher).outputs.values()} == {"logits"}


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (torch.optim.Adam, True),
        (torch.optim.AdamW, True),
        (torch.optim.RAdam, False),
        (torch.optim.RMSprop, False),
    ],
)
def test_adams_first_step_is_recognised_by_what_it_did(
    optimizer: type[torch.optim.Optimizer], said: bool
) -> None:
    text = lessons(story(networks(), scores, higher, optimizer))[0]
    assert ("In Adam's first step" in text) == said


def test_a_resumed_adam_makes_no_first_step() -> None:
    class Resumed(torch.optim.Adam):
        def __init__(self, parameters: Iterator[nn.Parameter], lr: float) -> None:
            super().__init__(parameters, lr=lr)
            for parameter in self.param_groups[0]["params"]:
                moments = {"exp_avg": torch.ones_like(parameter)}
                moments["exp_avg_sq"] = torch.ones_like(parameter)
                self.state[parameter] = {"step": torch.tensor(9.0), **moments}

    Resumed.__name__ = "Adam"
    assert "first step" not in lessons(story(networks(), scores, higher, Resumed))[0]


# -- torch.autograd.grad ------------------------------------------------------------------------


def real_penalty(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    x = x.requires_grad_()
    answers = D(x)
    (slope,) = torch.autograd.grad(outputs=answers.sum(), inputs=x, create_graph=True)
    return D(fake).mean() - answers.mean() + slope.pow(2).sum(1).mean()


def blended_penalty(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    between = (0.5 * x + 0.5 * fake).requires_grad_()
    (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
    return scores(D, x, fake) + ((slope.norm(2, dim=1) - 1) ** 2).mean()


@pytest.mark.parametrize(
    ("penalty", "where"),
    [
        (real_penalty, "at real samples"),
        (blended_penalty, "at blends of real and fake samples"),
    ],
)
def test_a_penalty_says_where(penalty: Loss, where: str) -> None:
    read = story(networks(), penalty, higher)
    assert [run.create_graph for run in read.step.updates[0].backwards] == [True, False]
    first = lessons(read)[0]
    assert f"A call of autograd.grad asked how the discriminator's output changes {where}" in first
    assert "the backward differentiated it again" in first


def test_a_gradient_that_feeds_no_loss_is_not_called_a_part_of_it() -> None:
    def d_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        asked = x.requires_grad_()
        torch.autograd.grad(D(asked).sum(), asked, create_graph=True)
        return scores(D, x.detach(), fake)

    first = lessons(story(networks(), d_loss, higher))[0]
    assert "differentiated it again" not in first


def test_a_path_length_is_no_question_to_the_discriminator() -> None:
    parts = networks()

    def g_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        z = torch.randn(BATCH, 8, requires_grad=True)
        projected = (parts[0](z) * torch.randn(BATCH, 4)).sum()
        (slope,) = torch.autograd.grad(projected, z, create_graph=True)
        return higher(D, x, fake) + (slope.norm(dim=1) - 1).pow(2).mean()

    second = lessons(story(parts, scores, g_loss))[1]
    assert "A call of autograd.grad asked how projected, made of G's output, changes " in second
    assert "changes with respect to its input; what was made" in second
    assert "discriminator's output" not in second


def test_an_adaptive_weight_is_a_figure_of_two_gradients() -> None:
    parts = networks()

    def g_loss(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
        nll, adv = (fake - x).abs().mean(), -D(fake).mean()
        last = parts[0][2].weight  # type: ignore[index]
        (one,) = torch.autograd.grad(nll, last, retain_graph=True)
        (other,) = torch.autograd.grad(adv, last, retain_graph=True)
        return nll + one.norm() / (other.norm() + 1e-4) * adv  # type: ignore[no-any-return]

    read = story(parts, scores, g_loss)
    words = about(read, read.step.updates[1])
    assert "took the gradient of nll and adv without create_graph: no backward runs" in " ".join(
        words.lessons
    )
    assert "asked how" not in " ".join(words.lessons)
    assert [line for line in words.runs if line.startswith("autograd.grad")] == [
        "autograd.grad of nll reached G (1 parameter tensor)",
        "autograd.grad of adv reached G (1 parameter tensor)",
    ]


# -- a network that hands its input on -------------------------------------------------------------


def test_what_a_network_hands_on_was_made_where_it_came_from() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, self.layer(x)

    torch.manual_seed(0)
    G, D = Both(), nn.Sequential(nn.Linear(4, 1))
    moved = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (D, G)]
    bce = nn.BCEWithLogitsLoss()
    with ganscope.record() as recorder:
        for _ in range(2):
            real, fake = G(torch.randn(BATCH, 4))
            moved[0].zero_grad()
            bce(D(real), torch.ones(BATCH, 1)).backward()
            bce(D(fake.detach()), torch.zeros(BATCH, 1)).backward()
            moved[0].step()
            moved[1].zero_grad()
            bce(D(fake), torch.ones(BATCH, 1)).backward()
            moved[1].step()
    shown = [one.shown for one in told(recorder.trace).forwards if one.shown]
    assert shown == [REAL, FAKE, FAKE]
    assert BETWEEN not in shown


# -- who learns through whom ---------------------------------------------------------------------


def adversarial_autoencoder() -> Trace:
    """A discriminator of codes and noise; one optimizer moves the encoder and the decoder."""
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(12, 4), nn.Linear(4, 12)
    D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    parameters = [*encoder.parameters(), *decoder.parameters()]
    moved = [torch.optim.Adam(each, lr=0.001) for each in (parameters, D.parameters())]
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    bce = functional.binary_cross_entropy
    with ganscope.record() as recorder:
        for _ in range(2):
            x = torch.rand(BATCH, 12)
            moved[0].zero_grad()
            codes = encoder(x)
            (bce(D(codes), one) + functional.l1_loss(decoder(codes), x)).backward()
            moved[0].step()
            moved[1].zero_grad()
            (bce(D(torch.randn(BATCH, 4)), one) + bce(D(codes.detach()), zero)).backward()
            moved[1].step()
    return recorder.trace


def test_only_what_was_shown_to_the_discriminator_learns_through_it() -> None:
    first, _ = lessons(told(adversarial_autoencoder()))
    assert "encoder learns through D's verdict, D(G(z)) = " in first
    assert "which it wants to be 1" in first
    assert "runs through D into encoder. That is why both received gradients (2 in encoder" in first
    assert "Adam moves only encoder and decoder" in first


def test_nothing_runs_through_a_judge_of_tokens_into_their_maker() -> None:
    """REINFORCE: the generator's gradient comes of its own log-probabilities."""
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
    D = nn.Sequential(nn.Embedding(5, 6), nn.Linear(6, 1))
    moved = [torch.optim.Adam(each.parameters(), lr=0.001) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(2):
            logs = G(torch.randn(BATCH, 8)).log_softmax(1)
            tokens = torch.multinomial(logs.exp(), 1)[:, 0]
            moved[0].zero_grad()
            (D(tokens).mean() - D(torch.randint(5, (BATCH,))).mean()).backward()
            moved[0].step()
            moved[1].zero_grad()
            g_loss = -(logs.gather(1, tokens[:, None]) * D(tokens)).mean()
            g_loss.backward()
            moved[1].step()
    assert recorder.trace.steps[0].updates[1].backwards[0].reached == {"G": 4, "D": 3}
    _, second = lessons(told(recorder.trace))
    assert "learns through" not in second


def test_vectors_are_not_called_images() -> None:
    _, second = lessons(told(adversarial_autoencoder()))
    assert " on real samples, " in second
    assert "images" not in second


def test_vectors_that_are_shown_as_data_are_not_called_noise() -> None:
    """An encoder takes the very vectors that the discriminator takes for real."""
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(12, 4), nn.Linear(4, 12)
    D = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    moved = [torch.optim.Adam(each, lr=0.001) for each in (parameters, D.parameters())]
    with ganscope.record() as recorder:
        for _ in range(2):
            x, z = torch.rand(BATCH, 12), torch.randn(BATCH, 4)
            moved[1].zero_grad()
            fakes = [decoder(encoder(x)).detach(), decoder(z).detach()]
            (sum(D(each).mean() for each in fakes) - D(x).mean()).backward()
            moved[1].step()
            moved[0].zero_grad()
            (-D(decoder(encoder(x))).mean() - D(decoder(z)).mean()).backward()
            moved[0].step()
    symbols = {one.symbol for one in told(recorder.trace).outputs.values()}
    assert symbols == {"D(x)", "D(G(encoder(x)))", "D(G(z))"}


# -- gradients that were gathered, and others that were forgotten --------------------------------


def gathered(*, clears: bool) -> Story:
    """Two micro-batches for each update, both losses in one variable."""
    torch.manual_seed(0)
    G, D = networks()
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (D, G)]
    with ganscope.record() as recorder:
        for turn in range(8):
            fake = G(torch.randn(BATCH, 8))
            loss = (D(fake.detach()).mean() - D(torch.randn(BATCH, 4)).mean()) / 2
            loss.backward()
            if turn % 2:
                optimizers[0].step()
                optimizers[0].zero_grad()
            if clears:
                for parameter in D.parameters():
                    parameter.requires_grad_(False)
            loss = -D(fake).mean() / 2
            loss.backward()
            D.requires_grad_(True)
            if turn % 2:
                optimizers[1].step()
                optimizers[1].zero_grad()
    return tell(recorder.trace, recorder.trace.steps[1], ViewOptions(explain=True))


def warned(read: Story) -> list[str]:
    return [one.text for update in read.step.updates
            for one in ledger.remarks(read.step, update, read.cast) if one.is_warning]  # fmt: skip


def test_micro_batches_are_no_forgotten_zero_grad() -> None:
    read = gathered(clears=True)
    assert [update.networks for update in read.step.updates] == [("D",), ("G",)]
    assert any(
        (entry.network, entry.fate, entry.update) == ("G", "used", 1)
        and entry.backward in {run.id for run in read.step.updates[0].backwards}
        for entry in read.step.ledger
    )
    first, second = lessons(read)
    assert not warned(read)
    assert "NOT cleared" not in first + second
    assert "were not detached" not in first


def test_what_another_loss_of_the_same_name_left_is_not_gathered() -> None:
    read = gathered(clears=False)
    assert any("D's 4 gradients" in text and "never cleared" in text for text in warned(read))


# -- updates that are no plain ones --------------------------------------------------------------


def test_gradients_that_a_closure_gave_its_optimizer_are_not_called_unused() -> None:
    G, D = networks()
    d_optimizer = torch.optim.LBFGS(D.parameters(), lr=0.1, max_iter=3)
    g_optimizer = torch.optim.SGD(G.parameters(), lr=0.1)
    with ganscope.record() as recorder:
        for _ in range(2):
            x, z = torch.randn(BATCH, 4), torch.randn(BATCH, 8)

            def closure(x: Tensor = x, z: Tensor = z) -> Tensor:
                d_optimizer.zero_grad()
                loss = (D(x) - 1).pow(2).mean() + D(G(z).detach()).pow(2).mean()
                loss.backward()
                return loss

            d_optimizer.step(closure)
            g_optimizer.zero_grad()
            (D(G(z)) - 1).pow(2).mean().backward()
            g_optimizer.step()
    read = told(recorder.trace)
    first, second = (" · ".join(about(read, update).runs) for update in read.step.updates)
    assert "3 × backward reached D (4 parameter tensors)" in first
    assert "unused" not in first
    assert "and, unused, D (4)" in second


@pytest.mark.parametrize("restored", [False, True])
def test_updates_that_are_taken_back_are_no_algorithm_1(restored: bool) -> None:
    G, D = networks()
    d_optimizer, g_optimizer = (torch.optim.SGD(each.parameters(), lr=0.1) for each in (D, G))
    bce = functional.binary_cross_entropy_with_logits
    with ganscope.record() as recorder:
        for _ in range(3):
            kept = {name: value.clone() for name, value in D.state_dict().items()}
            for _ in range(2):
                d_optimizer.zero_grad()
                real, fake = D(torch.randn(BATCH, 4)), D(G(torch.randn(BATCH, 8)).detach())
                (bce(real, torch.ones(BATCH, 1)) + bce(fake, torch.zeros(BATCH, 1))).backward()
                d_optimizer.step()
            g_optimizer.zero_grad()
            bce(D(G(torch.randn(BATCH, 8))), torch.ones(BATCH, 1)).backward()
            g_optimizer.step()
            if restored:
                D.load_state_dict(kept)
    read = told(recorder.trace)
    text = " ".join(about(read, read.step.updates[0]).lessons)
    assert "D is updated 2 times in this step, to 1 update of G" in text
    assert ("Algorithm 1 of Goodfellow et al. (2014) with k = 2" in text) == (not restored)
