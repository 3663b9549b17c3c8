"""From a live tensor to its record, at once and without keeping it.

A tensor that was seen already in this step, unchanged since (the same object, memory and
version), is not computed again: a layer's input is the layer before's output. The cache holds
drafts of records and weak references, never tensors.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganscope.probe import device_statistics
from ganscope.probe.figures import Figures, Stage
from ganscope.probe.identities import Identities, Identity
from ganscope.probe.samples import SampleStage
from ganscope.probe.spread import spread_of
from ganscope.traces import Earlier, TensorRecord

_NATIVE = {
    torch.float32: "=f4",
    torch.float64: "=f8",
    torch.int64: "=i8",
    torch.int32: "=i4",
    torch.int16: "=i2",
    torch.int8: "|i1",
    torch.uint8: "|u1",
    torch.uint16: "=u2",
    torch.uint32: "=u4",
    torch.uint64: "=u8",
    torch.bool: "|b1",
}
"""Types whose memory numpy reads as it is, by numpy's names."""

_WIDENED = {
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
}
"""Types read through a float32 copy, which holds each of their values exactly."""

_READABLE = {*_NATIVE, *_WIDENED}

_PLAIN = {Tensor, torch.nn.Parameter}

_dtype_names: dict[torch.dtype, str] = {}


def _shape_of(tensor: Tensor) -> torch.Size | None:
    """The shape, or None where a dimension has no single size (nested tensors)."""
    return None if tensor.is_nested else tensor.shape


class TensorDraft:
    """A record whose figures may still be to come."""

    __slots__ = (
        "_final",
        "device",
        "dtype",
        "earlier",
        "figures",
        "gradients",
        "identity",
        "is_leaf",
        "is_shown",
        "made",
        "note",
        "origin",
        "place",
        "requires_grad",
        "shape",
        "version",
    )

    def __init__(self, tensor: Tensor, figures: Figures, note: str | None = None) -> None:
        self.shape = _shape_of(tensor)
        self.dtype = tensor.dtype
        self.device = "cpu" if tensor.is_cpu else str(tensor.device)
        self.requires_grad = tensor.requires_grad
        self.is_leaf = tensor.is_leaf if self.requires_grad else None
        self.figures = figures
        self.note = note
        self.earlier: Earlier | None = None
        self.identity: Identity | None = None
        self.made = False
        """Whether a recorded call made it."""
        self.is_shown = False
        """Whether a whole network took it in, or gave it out."""
        self.origin: TensorDraft | None = None
        """What was seen of the same tensor before its values had to be read anew."""
        self.gradients: list[tuple[int, Figures]] | None = None
        """What arrived in the backward pass, with the engine's run; None while not watched."""
        self.place = 0
        """Address of the values; 0 where unknown."""
        self.version = -1
        self._final: TensorRecord | None = None

    @property
    def dtype_name(self) -> str:
        """The type without its ``torch.`` prefix."""
        return dtype_name(self.dtype)

    def finish(self) -> TensorRecord:
        """The finished record, the same one each time; only after `TensorObserver.settle`."""
        if self._final is None:
            figures, identity = self.figures, self.identity
            figures.settle()
            if identity is not None:
                identity.settle()
            self._final = TensorRecord(
                shape=None if self.shape is None else tuple(self.shape),
                dtype=self.dtype_name,
                device=self.device,
                requires_grad=self.requires_grad,
                stats=figures.stats,
                note=self.note or figures.fault,
                preview=figures.preview,
                samples=figures.samples,
                id=None if identity is None else identity.number,
                alias_of=None if identity is None else identity.alias_of,
                changed_from=None if identity is None else identity.changed_from,
                is_leaf=self.is_leaf,
                earlier=self.earlier,
                spread=figures.spread if self.is_shown else None,
            )
        return self._final


def dtype_name(dtype: torch.dtype) -> str:
    """A type without its ``torch.`` prefix."""
    name = _dtype_names.get(dtype)
    if name is None:
        name = _dtype_names[dtype] = str(dtype).removeprefix("torch.")
    return name


Watch = Callable[[Tensor, TensorDraft], None]


class TensorObserver:
    """Makes records of tensors within one step.

    Args:
        keep_samples: Whether to keep real values for the pictures.
        watch: Told of every output that autograd follows, once.
    """

    def __init__(self, *, keep_samples: bool = False, watch: Watch | None = None) -> None:
        # By id, which is given to another tensor once this one is gone: the reference tells.
        self._seen: dict[int, tuple[weakref.ref[Tensor], TensorDraft]] = {}
        # Known as well, but their values may have changed since without a version to tell.
        self._stale: dict[int, tuple[weakref.ref[Tensor], TensorDraft]] = {}
        self._trusting = True
        self._identities = Identities()
        self._watch = watch
        self._samples = SampleStage() if keep_samples else None
        self._stage = Stage(self._samples)
        self._batch = device_statistics.Batch()

    def record(self, tensor: Tensor) -> TensorDraft:
        """What `tensor` is at this moment; never raises for the tensor's sake."""
        if type(tensor) not in _PLAIN:  # what a subclass does when it is asked is unknown
            return self._unversioned(tensor)
        seen = self._seen.get(id(tensor))
        try:
            version, place = tensor._version, tensor.data_ptr()
            if seen is not None and seen[0]() is tensor:
                draft = seen[1]
                if (
                    draft.version == version
                    and draft.place == place
                    and draft.shape == tensor.shape
                ):
                    if draft.requires_grad == tensor.requires_grad:
                        return draft
                    return self._followed_from_here(tensor, draft)
        except RuntimeError:
            # Inference tensors have no version; sparse and functorch ones no memory.
            return self._unversioned(tensor)
        draft = self._observe(tensor)
        draft.version, draft.place = version, place
        draft.identity = self._identities.of(tensor, draft.figures, version, place)
        stale = self._stale.get(id(tensor)) if self._stale else None
        if stale is not None and stale[0]() is tensor and stale[1].version == version:
            draft.origin, draft.made = stale[1], stale[1].made
        self._remember(tensor, draft)
        return draft

    def _unversioned(self, tensor: Tensor) -> TensorDraft:
        """The record of a tensor that has no version, or cannot be trusted to tell it."""
        draft = self._observe(tensor)
        draft.identity = self._identities.of(tensor, draft.figures)
        return draft

    def _followed_from_here(self, tensor: Tensor, earlier: TensorDraft) -> TensorDraft:
        """The same values once more: ``requires_grad_`` was called on the tensor."""
        shape = tuple(tensor.shape)
        draft = TensorDraft(tensor, earlier.figures.reread(shape, shape))
        draft.version, draft.place = earlier.version, earlier.place
        draft.origin, draft.made, draft.identity = earlier, earlier.made, earlier.identity
        self._remember(tensor, draft)
        return draft

    def record_output(self, tensor: Tensor) -> TensorDraft:
        """Like `record`, for what a call has made."""
        return self._made(tensor, self.record(tensor))

    def record_result(self, tensor: Tensor, sources: Iterable[TensorDraft]) -> TensorDraft:
        """Like `record_output`, for an operation that may only re-read a source."""
        return self._made(tensor, self._record_view(tensor, sources))

    def show(self, tensor: Tensor, draft: TensorDraft) -> None:
        """A whole network takes `tensor` in, or gives it out: how far do its samples differ?"""
        if draft.is_shown or draft.note is not None or type(tensor) not in _PLAIN:
            return
        draft.is_shown = True
        figures, shape = draft.figures.first, draft.shape
        several = shape is not None and len(shape) > 0 and shape[0] > 1
        if several and figures.spread is None and tensor.is_cpu and tensor.is_floating_point():
            figures.spread = spread_of(array_if_any(tensor))

    def made(self, value: object) -> bool:
        """Whether `value` is, or directly holds, what a call of this step has made."""
        if isinstance(value, list | tuple):
            return any(map(self.made, value))
        seen = self._seen.get(id(value)) or self._stale.get(id(value))
        return seen is not None and seen[1].made and seen[0]() is value

    def identity_of(self, tensor: Tensor) -> Identity | None:
        """The identity of a tensor, if it was recorded in this step or an earlier one."""
        return self._identities.known(tensor)

    def figures_of(self, tensor: Tensor) -> Figures:
        """The statistics of a tensor that is no input or output of a call; nothing is cached."""
        if type(tensor) in _PLAIN and tensor.is_cpu and tensor.dtype is torch.float32:
            array = array_if_any(tensor)
            if array is not None:
                return self._stage.add_statistics(array)
        return self._observe(tensor).figures

    def _made(self, tensor: Tensor, draft: TensorDraft) -> TensorDraft:
        draft.made = True
        if draft.requires_grad and draft.gradients is None and self._watch is not None:
            draft.gradients = []
            self._watch(tensor, draft)
        return draft

    def _record_view(self, tensor: Tensor, sources: Iterable[TensorDraft]) -> TensorDraft:
        seen = self._seen.get(id(tensor))
        if self._trusting and (seen is None or seen[0]() is not tensor):
            try:
                source = _same_values(tensor, sources)
            except RuntimeError:
                source = None  # no version or no memory: see `record`
            if source is not None:
                before = tuple(source.shape or ())
                figures = source.figures.reread(before, tuple(tensor.shape))
                draft = TensorDraft(tensor, figures)
                draft.version, draft.place = source.version, source.place
                draft.identity = self._identities.of(tensor, figures, source.version, source.place)
                self._remember(tensor, draft)
                return draft
        return self.record(tensor)

    def distrust(self) -> None:
        """Take nothing from the cache for the rest of the step.

        For when memory was lent out in a way (`.data`, `.numpy()`) in which a change bumps no
        version.
        """
        self.forget()
        self._trusting = False

    def forget(self) -> None:
        """Look at every tensor anew: some may have changed without a version to tell."""
        self._stale.update(self._seen)
        self._seen.clear()

    def settle(self, *, ended: bool = True, used: Iterable[TensorDraft] = ()) -> None:
        """Work out what still waits, in one transfer per device.

        Args:
            ended: Whether a step has ended, so that tensors seen in it are known no longer.
            used: Those of the next one, which may have begun.
        """
        if ended:
            again = {id(draft) for draft in used}
            self._seen = {key: it for key, it in self._seen.items() if id(it[1]) in again}
            self._stale = {key: it for key, it in self._stale.items() if id(it[1]) in again}
            self._trusting = self._trusting or not again
            self._identities.sweep()
        self._stage.flush()
        self._batch.flush()
        if self._samples is not None:
            self._samples.flush()

    def _remember(self, tensor: Tensor, draft: TensorDraft) -> None:
        known = self._seen if self._trusting else self._stale
        known[id(tensor)] = (weakref.ref(tensor), draft)

    def _observe(self, tensor: Tensor) -> TensorDraft:
        try:
            if not tensor.is_cpu or type(tensor) not in _PLAIN:
                reason = explain(tensor)
                if reason is not None:
                    return TensorDraft(tensor, Figures(), reason)
            if not tensor.is_cpu:
                figures = self._batch.add(tensor, samples=self._samples is not None)
                return TensorDraft(tensor, figures)
            array = as_array(tensor)
            if array is None:
                return TensorDraft(tensor, Figures(), explain(tensor))
            if array.dtype == np.float32:
                figures = self._stage.add(array)
            else:
                figures = Figures()
                figures.take(array, self._samples)
            figures.contiguous = array.flags.c_contiguous
            return TensorDraft(tensor, figures)
        except Exception as error:
            reason = explain(tensor) or f"no figures: {type(error).__name__} while reading it"
            return TensorDraft(tensor, Figures(), reason)


def _same_values(tensor: Tensor, sources: Iterable[TensorDraft]) -> TensorDraft | None:
    """The source of which `tensor` is all, in the same order, unchanged since."""
    if not tensor._is_view() or not tensor.is_contiguous():
        return None
    place, version, count = tensor.data_ptr(), tensor._version, tensor.numel()
    for source in sources:
        if (
            source.place == place
            and source.version == version
            and source.dtype == tensor.dtype
            and source.figures.contiguous
            and source.shape is not None
            and source.shape.numel() == count
        ):
            return source
    return None


def has_memory(tensor: Tensor) -> bool:
    """Whether the storage still reaches as far as the tensor (FSDP frees it in between)."""
    if tensor.layout is not torch.strided or tensor.is_nested:
        return True  # another reason is told of it
    if tensor.is_contiguous():
        last = tensor.storage_offset() + tensor.numel()
        return tensor.untyped_storage().nbytes() >= last * tensor.itemsize
    last = tensor.storage_offset() + 1
    for side, stride in zip(tensor.shape, tensor.stride(), strict=True):
        if side == 0:
            return True
        last += (side - 1) * stride
    return tensor.untyped_storage().nbytes() >= last * tensor.itemsize


class _Memory:
    """A tensor's memory as numpy can look at it.

    `Tensor.numpy` would do the same, but marks the storage as not resizable for good.
    """

    __slots__ = ("__array_interface__",)

    def __init__(self, tensor: Tensor, kind: str) -> None:
        size = tensor.itemsize
        self.__array_interface__ = {
            "version": 3,
            "data": (tensor.data_ptr(), False),
            "shape": tuple(tensor.shape),
            "strides": tuple([stride * size for stride in tensor.stride()]),
            "typestr": kind,
        }


def as_array(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """The values as a numpy array over the same memory where possible, else None.

    The array is good only as long as `tensor` is.
    """
    if not has_memory(tensor) or tensor.layout is not torch.strided or tensor.is_nested:
        return None
    kind = _NATIVE.get(tensor.dtype)
    if kind is not None and not tensor.is_neg():
        if tensor.numel() == 0:
            return np.empty(tuple(tensor.shape), kind)
        return np.asarray(_Memory(tensor, kind))
    if kind is not None:
        return tensor.detach().resolve_neg().numpy()
    if tensor.dtype in _WIDENED:
        return tensor.detach().to(torch.float32).numpy()
    return None


def array_if_any(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """The same; None for a tensor that has no memory to ask for."""
    try:
        return as_array(tensor)
    except RuntimeError:  # inside functorch's transforms a tensor has no memory of its own
        return None


TRANSFORMED = "inside vmap or grad"
"""Why there are no figures of what a transform of ``torch.func`` wraps."""

_Reason = tuple[Callable[[Tensor], bool], str]

_REASONS: tuple[_Reason, ...] = (
    (torch._C._functorch.is_functorch_wrapped_tensor, TRANSFORMED),
    (lambda t: type(t).__name__ == "FakeTensor", "a fake tensor holds no values"),
    (lambda t: t.is_meta, "the meta device holds no values"),
    (lambda t: t.is_nested, "nested: no figures for this layout"),
    (lambda t: "sparse" in str(t.layout), "sparse: no figures for this layout"),
    (lambda t: t.layout is not torch.strided, "no figures for this layout"),
    (lambda t: t.is_quantized, "quantized: no figures for this type"),
    (lambda t: t.is_complex(), "complex: no order, so no figures"),
    (lambda t: t.dtype not in _READABLE, "no figures for this type"),
    (lambda t: not has_memory(t), "its memory was freed"),
)


def explain(tensor: Tensor) -> str | None:
    """Why there can be no figures of `tensor`, or None where there can."""
    for applies, reason in _REASONS:
        try:
            if applies(tensor):
                return reason
        except Exception:
            return f"no figures: a {type(tensor).__name__} cannot be read"
    return None
