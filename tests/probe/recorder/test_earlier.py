"""Images of earlier steps, which a pool hands out again, are known by their values."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe import earlier
from ganscope.traces import Earlier, TensorRecord, Trace

SIDE = 9


class Pool:
    """Of images that were made, each handed out by itself, as a copy."""

    def __init__(self, size: int) -> None:
        self.size, self.images = size, list[Tensor]()
        self.origins = list[int]()

    def exchange(self, made: Tensor, step: int, chosen: random.Random) -> tuple[Tensor, list[int]]:
        """Some of the images of now, some of earlier ones, and the step that made each."""
        rows, steps = [], []
        for image in made.detach().unsqueeze(1):
            if len(self.images) < self.size:
                self.images.append(image)
                self.origins.append(step)
                rows.append(image)
                steps.append(step)
            else:
                place = chosen.randrange(self.size)
                rows.append(self.images[place].clone())
                steps.append(self.origins[place])
                self.images[place], self.origins[place] = image, step
        return torch.cat(rows), steps


class Flat(nn.Module):
    """An image for each noise vector, flat grey where `saturated`."""

    def __init__(self, *, saturated: bool = False) -> None:
        super().__init__()
        self.layer, self.saturated = nn.Linear(6, SIDE * SIDE), saturated

    def forward(self, z: Tensor) -> Tensor:
        image = torch.tanh(self.layer(z)).view(-1, 1, SIDE, SIDE)
        return image * 0 - 1 + self.layer.weight.sum() * 0 if self.saturated else image


def watch(
    batch: int, steps: int = 8, *, saturated: bool = False, every: int = 1
) -> tuple[Trace, list[list[int]]]:
    """A loop whose discriminator is shown what a pool hands out, and which steps made that."""
    torch.manual_seed(0)
    chosen = random.Random(0)
    generator = Flat(saturated=saturated)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 1))
    g_opt = torch.optim.SGD(generator.parameters(), 0.1)
    d_opt = torch.optim.SGD(critic.parameters(), 0.1)
    pool, origins = Pool(3), []
    with ganscope.record(every=every) as recorder:
        for step in range(steps):
            g_opt.zero_grad()
            fake = generator(torch.randn(batch, 6))
            (-critic(fake).mean()).backward()
            g_opt.step()
            d_opt.zero_grad()
            shown, steps_of = pool.exchange(fake, step, chosen)
            origins.append(steps_of)
            real = torch.randn(batch, 1, SIDE, SIDE)
            (critic(shown).mean() - critic(real).mean()).backward()
            d_opt.step()
    return recorder.trace, origins


def shown(trace: Trace, nth: int) -> list[TensorRecord]:
    """What the critic was shown as its nth in each step: the generator's, the pool's, real."""
    calls = [
        [call for call in step.calls if call.path == "critic" and call.parent is None]
        for step in trace.steps
    ]
    return [of_step[nth].inputs[0] for of_step in calls]


def expected(step: int, origins: list[int]) -> Earlier | None:
    return Earlier("generator", share=1.0) if any(each < step for each in origins) else None


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_images_of_a_pool_are_told_with_who_made_them(batch: int) -> None:
    trace, origins = watch(batch)
    found = [record.earlier for record in shown(trace, 1)]
    assert found == [expected(step, each) for step, each in enumerate(origins)]
    assert any(found)
    assert not any(record.earlier for nth in (0, 2) for record in shown(trace, nth))


def test_what_is_no_image_of_its_own_is_known_by_nobody() -> None:
    trace, origins = watch(2, saturated=True)
    assert any(expected(step, each) for step, each in enumerate(origins))
    assert not any(record.earlier for nth in range(3) for record in shown(trace, nth))


def test_a_batch_of_both_kinds_is_made_in_part() -> None:
    torch.manual_seed(0)
    known = earlier.EarlierOutputs()
    old, new, real = (torch.randn(3, 1, SIDE, SIDE) for _ in range(3))
    known.keep("G", old, 0)
    assert known._maker_of(old) is None  # of the update in which the network ran last
    known.keep("G", new, 1)
    assert known._maker_of(old) == Earlier("G", share=1.0)
    assert known._maker_of(torch.cat([old[1:], new])) == Earlier("G", share=1.0)
    assert known._maker_of(torch.cat([real, old])) == Earlier("G", share=0.5)
    assert known._maker_of(real) is None
    assert known._maker_of(old + 1e-3) is None


def test_points_in_a_plane_are_known_as_a_batch_alone() -> None:
    torch.manual_seed(0)
    known = earlier.EarlierOutputs()
    old, new = torch.randn(64, 2), torch.randn(64, 2)
    known.keep("G", old, 0)
    known.keep("G", new, 1)
    assert known._maker_of(old.clone()) == Earlier("G", share=1.0)
    assert known._maker_of(torch.cat([old[1:], new[:1]])) is None
    assert known._maker_of(new) is None
    assert known._maker_of(new, 2) == Earlier("G", share=1.0)


def test_no_more_rows_are_kept_than_a_pool_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "ROWS", 4)
    torch.manual_seed(0)
    known = earlier.EarlierOutputs()
    outputs = [torch.randn(2, 1, SIDE, SIDE) for _ in range(5)]
    for update, output in enumerate(outputs):
        known.keep("G", {"image": output, "none": None}, update)
    assert [known._maker_of(output) is not None for output in outputs] == [
        False, False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        torch.randn(3, 4),  # no image, nor many points
        torch.randn(100),
        torch.empty(0, 1, SIDE, SIDE),
        torch.randn(3, 1, SIDE, SIDE, dtype=torch.complex64),
        torch.randn(3, SIDE, SIDE).to_sparse(),
        torch.randn(3, 2, SIDE, SIDE).to(memory_format=torch.channels_last),
        torch.randn(3, SIDE, SIDE, device="meta"),
        None,
        "text",
    ],
    ids=[
        "few",
        "flat",
        "empty",
        "complex",
        "sparse",
        "channels last",
        "meta",
        "none",
        "text",
    ],
)
def test_what_has_no_rows_to_look_at_is_passed_over(values: object) -> None:
    known = earlier.EarlierOutputs()
    known.keep("G", values, 0)
    known.keep("G", torch.randn(1, 1, SIDE, SIDE), 1)
    assert known._maker_of(values) is None


def test_an_inferred_maker_is_a_fact_of_the_record_and_a_note_for_people() -> None:
    trace, origins = watch(2)
    records = [record for record in shown(trace, 1) if record.earlier is not None]
    assert len(records) == sum(
        expected(step, each) is not None for step, each in enumerate(origins)
    )
    for record in records:
        assert record.earlier == Earlier(network="generator", share=1.0, how="values")
        assert record.note == "made by generator in an earlier step"
    again = Trace.from_dict(trace.to_dict())
    assert [each.earlier for each in shown(again, 1)] == [each.earlier for each in shown(trace, 1)]
