"""The parts of a run: what it is fed with, its table, its checkpoint, its average, its ends."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from ganscope.errors import DataError, InputError, RunError
from ganscope.training import checkpoint as checkpoints
from ganscope.training import metrics
from ganscope.training.averaging import Average
from ganscope.training.checkpoint import read_checkpoint
from ganscope.training.feed import Feed, Share, digest, seed_of
from ganscope.training.images import Images
from ganscope.training.interrupts import Interrupts
from ganscope.training.loop import Outcome, Watcher, run
from ganscope.training.metrics import MetricsFile, Row, read_rows
from ganscope.training.opening import open_session
from ganscope.training.processes import Processes
from ganscope.training.requirements import require_same
from ganscope.training.runs import draw, open_run, untrained
from ganscope.training.session import Place, Session
from ganscope.training.settings import Settings, write_settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images() -> Images:
    pixels = torch.randint(0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return Images(pixels.to(torch.uint8), None, "noise")


class Heard(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.sentences: list[str] = []

    def row(self, row: Row) -> None:
        self.rows.append(row)

    def said(self, text: str) -> None:
        self.sentences.append(text)


def opened(images: Images, folder: Path, *, resume: bool = False, **changes: object) -> Session:
    settings = Settings(
        arguments={"image_size": 8, "latent_dimension": 4},
        images=len(images),
        digest=digest(images),
        sample_interval=0,
        **{"epochs": 2, "batch": 8, **changes},  # type: ignore[arg-type]
    )
    folder.mkdir(exist_ok=True)
    write_settings(folder, settings, {})
    return open_session(settings, images, Place(folder, CPU, Processes()), resume=resume)


def trained(session: Session) -> tuple[Heard, Outcome]:
    heard = Heard()
    return heard, run(session, heard, lambda: False)


# -- what it is fed with -------------------------------------------------------------------------


def fed(images: Images, rank: int = 0, count: int = 1, batch: int = 8, seed: int = 0) -> Feed:
    return Feed(images, Share(rank, count, batch), (4,), (2, 3, True), seed=seed, device=CPU)


def test_an_epoch_shows_every_image_once(images: Images) -> None:
    feed = fed(images, batch=10)
    assert feed.steps_per_epoch == 2
    shown = [batch for step in range(2) for batch in feed.step(step, 0, step)[0]]
    values = torch.cat(shown)
    assert values.shape == (40, 1, 8, 8)
    assert torch.equal(
        values.flatten(1).sum(1).sort().values, images[:].flatten(1).sum(1).sort().values
    )
    other = torch.cat(feed.step(2, 1, 0)[0])
    assert not torch.equal(other, values[:20])


def test_a_step_is_a_function_of_the_seed_and_its_number(images: Images) -> None:
    feed = fed(images)
    later = feed.step(5, 2, 1)
    feed.step(0, 0, 0)
    for one, other in zip(later, feed.step(5, 2, 1), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(later[1][0], fed(images, seed=1).step(5, 2, 1)[1][0])
    assert not torch.equal(later[1][0], later[1][1])
    assert [len(each) for each in later] == [2, 3, 2]
    assert len({seed_of(0, 1), seed_of(0, 2), seed_of(1, 1), seed_of(0, 1, 0)}) == 4


def test_two_processes_see_what_one_sees(images: Images) -> None:
    alone = fed(images, batch=8).step(3, 0, 1)
    shares = [fed(images, rank, 2, 4).step(3, 0, 1) for rank in (0, 1)]
    for kind in range(3):
        for turn, whole in enumerate(alone[kind]):
            assert torch.equal(whole, torch.cat([share[kind][turn] for share in shares]))


# -- its table -----------------------------------------------------------------------------------


def row(step: int, loss: float = 0.5) -> Row:
    return Row(step, 0, step, loss, 0.25, 0.5, 0.5, 0.125)


def test_the_table_is_cut_to_what_a_checkpoint_knows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    table = MetricsFile(path)
    table.add([row(0), row(1)])
    size = table.sync()
    table.add([row(2)])
    with path.open("ab") as file:
        file.write(b"3,0,3,0.")  # killed while it wrote
    assert [each.step for each in read_rows(path)] == [0, 1, 2]
    MetricsFile(path, size).add([row(2, 0.75)])
    assert read_rows(path) == [row(0), row(1), row(2, 0.75)]


def test_rows_that_a_full_disk_did_not_take_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metrics.csv"
    table = MetricsFile(path)
    table.add([row(0)])
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Path, "open", no_space)
        table.add([row(1)])
    table.add([row(2)])
    assert read_rows(path) == [row(0), row(1), row(2)]


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_kept_and_named(tmp_path: Path, value: float) -> None:
    MetricsFile(tmp_path / "m.csv").add([row(0, value)])
    (read,) = read_rows(tmp_path / "m.csv")
    assert read.bad
    assert not row(0).bad


# -- its checkpoint ------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_last_good_checkpoint(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    _, outcome = trained(opened(images, folder, steps=4))
    assert outcome.why == "done"
    before = (folder / checkpoints.FILE).read_bytes()
    session = opened(images, folder, resume=True, steps=9)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_whole", no_space)
        heard, outcome = trained(session)
    assert outcome.why == "unsaved"
    (sentence,) = heard.sentences  # though two checkpoints failed
    assert sentence.endswith(
        "cannot be written at step 5: No space left on device; the last one stays; the run goes on"
    )
    assert (folder / checkpoints.FILE).read_bytes() == before
    assert [each.step for each in heard.rows] == [4, 5, 6, 7, 8]
    trained(opened(images, folder, resume=True, steps=9))
    assert [each.step for each in read_rows(folder / metrics.FILE)] == list(range(9))
    assert open_run(folder).progress.step == 9


def test_a_run_that_is_opened_is_the_one_that_was_trained(images: Images, tmp_path: Path) -> None:
    session = opened(images, tmp_path, ema=True, seed=4)
    trained(session)
    state = torch.get_rng_state()
    opened_run = open_run(tmp_path)
    begun = untrained(session.settings)
    assert torch.equal(torch.get_rng_state(), state)
    assert (opened_run.progress.step, opened_run.images_seen) == (10, 80)
    assert not opened_run.gan.generator.training
    assert opened_run.averaged is not None
    for name, value in session.gan.generator.state_dict().items():
        assert torch.equal(opened_run.gan.generator.state_dict()[name], value)
    first = begun.generator.state_dict()["model.0.weight"]
    torch.manual_seed(4)
    assert torch.equal(first, untrained(session.settings).generator.state_dict()["model.0.weight"])
    drawn = draw(opened_run.gan.generator, (4,), 5, seed=1)
    assert drawn.shape == (5, 1, 8, 8)
    torch.testing.assert_close(draw(opened_run.gan.generator, (4,), 2, seed=1), drawn[:2])


def test_nothing_is_pickled(images: Images, tmp_path: Path) -> None:
    trained(opened(images, tmp_path, steps=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.safetensors", "metrics.csv", "run.json",
    ]  # fmt: skip
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    kinds = {name.split(".")[0] for name in kept.tensors}
    assert kinds == {"generator", "discriminator", "optimizer"}


def test_other_images_or_processes_are_refused(images: Images, tmp_path: Path) -> None:
    settings = opened(images, tmp_path).settings
    others = Images(255 - images.pixels, None, "noise")
    with pytest.raises(DataError, match="which now are 40 others"):
        require_same(settings, others, Processes(), tmp_path)
    with pytest.raises(RunError, match="is trained by one process, not 2"):
        require_same(settings, images, Processes(0, 2), tmp_path)
    with pytest.raises(DataError, match="one step takes 64 images"):
        opened(images, tmp_path, batch=64)
    with pytest.raises(InputError, match="--batch 1: BatchNorm"):
        opened(images, tmp_path, batch=1)


# -- its average and its ends --------------------------------------------------------------------


def test_the_average_is_the_formula() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(network)
    expected = torch.ones(2)
    for step in (1, 2, 3):
        with torch.no_grad():
            network.weight.add_(step)
            network.running_mean.add_(0.5 * step)  # type: ignore[operator, union-attr]
            network.num_batches_tracked.add_(1)  # type: ignore[operator, union-attr]
        average.update(network, step)
        share = 1 - (1 + step) / (10 + step)
        expected = expected + share * (network.weight.detach() - expected)
    torch.testing.assert_close(average.network.state_dict()["weight"], expected)
    assert float(average.network.state_dict()["running_mean"][0]) > 0
    assert int(average.network.state_dict()["num_batches_tracked"]) == 3
    assert not any(weight.requires_grad for weight in average.network.parameters())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_wish_to_stop(images: Images, tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    session = opened(images, tmp_path, epochs=50)
    with Interrupts() as interrupts:

        class Sends(Watcher):
            def row(self, row: Row) -> None:
                if row.step == 6:
                    os.kill(os.getpid(), number)

        outcome = run(session, Sends(), lambda: interrupts.received is not None)
        assert interrupts.received == number
        if number == signal.SIGINT:
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) is before
    assert outcome.why == "stopped"
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    assert kept.progress.step == session.progress.step in (7, 8)
