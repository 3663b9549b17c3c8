"""What a reader asked of a view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """The flags that every view understands; a view passes over those it has no use for.

    Attributes:
        only: Glob over whole paths; ``*`` crosses dots, a repeated call is ``path #2``.
        depth: How many levels of the tree to show; 1 shows the networks only.
        ops: Whether functional operations are shown beside modules.
        values: Whether the first values of each output are shown.
        explain: Whether each layer, or each update, is explained with its own numbers.
        width: Width in terminal cells; None takes the console's.
        show_grads: Whether a training step shows the gradients at every layer.
        show_updates: Whether it shows what was done to every single parameter.
        show_calls: Whether it shows every call, losses and operations between networks too.
    """

    only: str | None = None
    depth: int | None = None
    ops: bool = True
    values: bool = False
    explain: bool = False
    width: int | None = None
    show_grads: bool = False
    show_updates: bool = False
    show_calls: bool = False
