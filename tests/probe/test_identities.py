"""Which tensor is which: ids of objects at versions, aliases, changes; checked on real forwards."""

from __future__ import annotations

import gc
import weakref

import torch
from torch import Tensor, nn

from ganscope.probe.tensors import TensorObserver
from ganscope.traces import Call, TensorRecord

from .helpers import Net, call, calls, run


def records_of(*tensors: Tensor) -> list[TensorRecord]:
    observer = TensorObserver()
    drafts = [observer.record(tensor) for tensor in tensors]
    observer.settle()
    return [draft.finish() for draft in drafts]


def given(one: Call, place: int = 0) -> TensorRecord:
    return one.inputs[place]


def made(one: Call, place: int = 0) -> TensorRecord:
    return one.outputs[place]


def test_an_output_is_the_next_input() -> None:
    trace = run(nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(3, 4))
    first, second, third = (call(trace, f"net.{place}") for place in range(3))
    whole = call(trace, "net")
    assert given(whole).id == given(first).id
    assert made(first).id == given(second).id
    assert made(second).id == given(third).id
    assert made(third).id == made(whole).id
    assert len({given(first).id, made(first).id, made(second).id, made(third).id}) == 4
    assert all(made(each).alias_of is None for each in (first, second, third))


def test_equal_values_are_never_one_tensor() -> None:
    zeros = [torch.zeros(8, 16) for _ in range(4)]
    ids = {record.id for record in records_of(*zeros)}
    assert len(ids) == 4

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 16)
            nn.init.zeros_(self.layer.weight)
            nn.init.zeros_(self.layer.bias)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.layer(x)

    trace = run(nn.Sequential(*(Block() for _ in range(8))), torch.randn(4, 16))
    for place in range(8):
        add = call(trace, f"net.{place}/add")
        layer = call(trace, f"net.{place}.layer")
        block = call(trace, f"net.{place}")
        assert [each.id for each in add.inputs] == [given(block).id, made(layer).id]
        assert given(layer).id == given(block).id


def test_what_passes_unchanged_keeps_its_id() -> None:
    trace = run(nn.Sequential(nn.Identity(), nn.Dropout(0.5).eval()), torch.randn(3, 4))
    ids = {record.id for each in calls(trace) for record in (*each.inputs, *each.outputs)}
    assert len(ids) == 1


def test_a_change_in_place_makes_a_new_id_of_the_old_one() -> None:
    trace = run(nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)), torch.randn(3, 4))
    before, after = given(call(trace, "net.1")), made(call(trace, "net.1"))
    assert before.id == made(call(trace, "net.0")).id
    assert after.id != before.id
    assert after.changed_from == before.id
    assert made(call(trace, "net")).id == after.id


def test_views_are_aliases_of_what_they_are_views_of() -> None:
    x = torch.randn(4, 6)
    halves = x.chunk(2)
    whole, flat, cut, first, second, apart = records_of(
        x, x.view(24), x.detach(), *halves, x.clone()
    )
    assert [each.alias_of for each in (whole, apart)] == [None, None]
    assert [each.alias_of for each in (flat, cut, first, second)] == [whole.id] * 4
    assert len({each.id for each in (whole, flat, cut, first, second, apart)}) == 6


def test_views_that_share_no_byte_are_no_aliases() -> None:
    x = torch.randn(4, 6)
    first, second = records_of(x[:2], x[2:])
    assert first.alias_of is second.alias_of is None


def test_a_view_of_what_was_changed_names_the_change() -> None:
    observer = TensorObserver()
    x = torch.randn(4, 6)
    before = observer.record(x)
    x.add_(1)
    view = x.view(24)
    after = observer.record(view)
    observer.settle()
    assert after.finish().alias_of is None
    assert after.finish().changed_from == before.finish().id


def test_requires_grad_changes_no_id() -> None:
    observer = TensorObserver()
    x = torch.randn(4, 6)
    plain = observer.record(x)
    x.requires_grad_()
    followed = observer.record(x)
    observer.settle()
    assert plain.finish().id == followed.finish().id
    assert plain.finish().is_leaf is None
    assert followed.finish().is_leaf is True


def test_an_unversioned_write_is_found_by_the_values() -> None:
    observer = TensorObserver()
    kept, written = torch.randn(4, 6), torch.randn(4, 6)
    first = [observer.record(kept), observer.record(written)]
    observer.forget()  # as after a call that may have written without a version
    written.numpy()[:] = 3.0
    second = [observer.record(kept), observer.record(written)]
    observer.settle()
    (kept_before, written_before), (kept_after, written_after) = (
        [draft.finish() for draft in drafts] for drafts in (first, second)
    )
    assert kept_after.id == kept_before.id
    assert kept_after.changed_from is None
    assert written_after.id != written_before.id
    assert written_after.changed_from == written_before.id


def test_ids_live_as_long_as_the_object_across_steps() -> None:
    observer = TensorObserver()
    fixed = torch.randn(4, 6)
    ids = []
    for _ in range(3):
        passing = torch.randn(4, 6)
        drafts = [observer.record(fixed), observer.record(passing)]
        observer.settle()
        ids.append([draft.finish().id for draft in drafts])
        del passing
    assert len({first for first, _ in ids}) == 1
    assert len({second for _, second in ids}) == 3


def test_an_address_that_is_used_again_makes_no_alias() -> None:
    observer = TensorObserver()
    found: list[TensorRecord] = []
    addresses = set()
    for _ in range(20):
        x = torch.randn(64, 64)
        addresses.add(x.data_ptr())
        draft = observer.record(x)
        del x
        observer.settle(ended=False)
        found.append(draft.finish())
    assert len(addresses) < 20  # or nothing was tried
    assert len({record.id for record in found}) == 20
    assert all(record.alias_of is record.changed_from is None for record in found)


def test_identities_keep_nothing_alive_and_do_not_grow() -> None:
    observer = TensorObserver()
    for _ in range(5):
        x = torch.randn(8, 8)
        alive = weakref.ref(x)
        observer.record(x)
        observer.record(x.view(64))
        del x
        gc.collect()
        assert alive() is None
        observer.settle()
    assert not observer._identities._known
    assert not observer._identities._memory


def test_tensors_without_a_version_are_known_by_the_object() -> None:
    with torch.inference_mode():
        x = torch.randn(4, 6)
        same, again, other = records_of(x, x, x.clone())
    assert same.id == again.id != other.id


def test_one_minus_x_and_x_minus_one_differ_by_fact() -> None:
    trace = run(Net(lambda self, x: (1 - x) * (x - 1)), torch.randn(3))
    first, second, _ = (each for each in calls(trace) if each.kind == "op")
    assert first.arguments == {"0": 1, "1": {"input": 0}}
    assert second.arguments == {"0": {"input": 0}, "1": 1}


def test_a_norm_per_row_and_a_norm_per_sample_differ_by_fact() -> None:
    function = lambda self, x: x.norm(2, dim=1).sum() + x.flatten(1).norm(dim=1).sum()  # noqa: E731
    trace = run(Net(function), torch.randn(3, 2, 4))
    norms = [each for each in calls(trace) if each.type == "norm"]
    assert [each.arguments for each in norms] == [
        {"0": {"input": 0}, "p": 2, "dim": 1, "keepdim": False, "dtype": None},
        {"0": {"input": 0}, "p": "fro", "dim": 1, "keepdim": False, "dtype": None},
    ]
    assert [given(each).shape for each in norms] == [(3, 2, 4), (3, 8)]


def test_constants_of_modules_are_data() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4, 0.8), nn.LeakyReLU(0.2, inplace=True))
    trace = run(model, torch.randn(3, 4))
    norm = call(trace, "net.0").arguments
    assert (norm["eps"], norm["momentum"], norm["track_running_stats"]) == (0.8, 0.1, True)
    assert call(trace, "net.1").arguments == {"negative_slope": 0.2, "inplace": True}


def test_frozen_parameters_are_counted_where_they_are() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    trace = run(model, torch.randn(3, 4))
    assert [call(trace, name).frozen_parameters for name in ("net", "net.0", "net.1")] == [
        15,
        15,
        0,
    ]
