"""The registry of sentences."""

from __future__ import annotations

from collections.abc import Callable

from ganscope.traces import Call
from ganscope.views.explanations.context import Context

Sentence = Callable[[Call, Context], str | None]
"""From a call and its surroundings; None where the record does not bear it out."""

_sentences: dict[str, Sentence] = {}


def explains(*types: str) -> Callable[[Sentence], Sentence]:
    """Register the decorated function for modules or operations of these types.

    Raises:
        ValueError: One of them is explained already.
    """

    def register(function: Sentence) -> Sentence:
        for name in types:
            if name in _sentences:
                raise ValueError(f"{name} is explained already")
            _sentences[name] = function
        return function

    return register


def find(type_name: str) -> Sentence | None:
    """The sentence for a type."""
    return _sentences.get(type_name)


def explained() -> tuple[str, ...]:
    """Every type that has a sentence of its own."""
    return tuple(_sentences)
