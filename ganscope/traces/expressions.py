"""Names and expressions of the user's code: on one line, cut where they are long."""

from __future__ import annotations

LONGEST = 40
"""Characters of an expression that is used as a name."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def shortened(text: str) -> str:
    """An expression, cut at ``…`` where it is long; what is open there is closed behind it.

    ``((gradients.view(5, -1).norm(2, dim=1) - 1) ** 2).mean()`` →
    ``((gradients.view(5, -1).norm(2, dim=…)))``.
    """
    if len(text) <= LONGEST:
        return text
    for end in range(LONGEST - 1, 0, -1):
        closing = _closing(text[:end])
        splits = _is_word(text[end - 1]) and _is_word(text[end])
        if closing is not None and not splits and end + 1 + len(closing) <= LONGEST:
            return f"{text[:end]}…{closing}"
    return f"{text[: LONGEST - 1]}…"


def _closing(text: str) -> str | None:
    """What closes the brackets that are open at the end of `text`; None within quotes."""
    closing, quote = "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _CLOSING:
            closing = _CLOSING[sign] + closing
        elif closing.startswith(sign):
            closing = closing[1:]
    return None if quote else closing


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign in "_."


def printable(text: str) -> str:
    """`text` on one line, with control characters escaped.

    A trace may come from a stranger: names in it must not move the reader's cursor.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else " " if sign.isspace() else ascii(sign)[1:-1]
        for sign in text
    )
