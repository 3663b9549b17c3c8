"""Why a call failed, in words: which it was, what it got and what it takes."""

from __future__ import annotations

from torch import nn

from ganscope.probe import expectations, sites
from ganscope.probe.calls import CallLog
from ganscope.probe.drafts import Draft
from ganscope.probe.tensors import TensorDraft
from ganscope.traces import Failure
from ganscope.traces.tensor import sides_of


def describe(
    log: CallLog,
    error: BaseException,
    *,
    step: int = 0,
    update: int | None = 0,
) -> Failure:
    """The failure behind `error`, which has just ended the forward, or the training loop.

    Args:
        log: The calls of the step, or of its part that failed.
        error: What ended it.
        step: Index of the step.
        update: Index of the update.
    """
    draft = log.failure
    if draft is not None and not (draft.error and draft.error.is_behind(error)):
        draft = None
    message = _message(error)
    if draft is None:
        return Failure(step, update, None, message, None, None, sites.read(_place_of(error)))
    return Failure(
        step=step,
        update=update,
        call=draft.ident if draft.ident >= 0 else None,
        message=message,
        expected=_expected(draft),
        got=_got(draft),
        site=sites.read(_place_of(error) or draft.place),
    )


def _message(error: BaseException) -> str:
    try:
        text = str(error)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    except Exception:  # its own text fails
        return type(error).__name__


def _place_of(error: BaseException) -> sites.Place | None:
    """The innermost line of the user's code in the traceback."""
    place = None
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if sites.is_users(file):
            place = (file, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _got(draft: Draft) -> str | None:
    shown = []
    for name, record in draft.inputs:
        if record.shape is None:
            continue
        text = sides_of(record.shape, scalar="a scalar")
        dtype = record.dtype_name if isinstance(record, TensorDraft) else record.dtype
        plain = dtype == "float32" and not isinstance(draft.module, nn.Embedding)
        text += "" if plain else f" of {dtype}"
        shown.append(f"{name} {text}" if name and not name.startswith("[") else text)
    return " and ".join(shown) or None


def _expected(draft: Draft) -> str | None:
    given = [
        (tuple(record.shape), record.dtype_name)
        for _, record in draft.inputs
        if isinstance(record, TensorDraft) and record.shape is not None
    ]
    try:
        if draft.module is None or not given:
            return expectations.of_operation(draft.type)
        return expectations.of_layer(draft.module, given)
    except Exception:  # a subclass without the attributes of its kind
        return None
