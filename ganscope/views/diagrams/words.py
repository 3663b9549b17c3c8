"""What stands on the diagrams, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.views import style
from ganscope.views.diagrams.phrases import PHRASES
from ganscope.views.steps.cast import joined

_NETWORKS_ZH = {"generator": "生成器", "discriminator": "判别器"}


def number(value: float | None) -> str:
    """A number as a person reads it, with a true minus sign."""
    return style.format_number(value).replace("-", "−")


class Words:
    """The words of one language.

    Args:
        language: ``en`` or ``zh``.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = PHRASES[language]

    def __call__(self, name: str, /, **values: object) -> str:
        """The phrase `name` with its blanks filled in."""
        return self._words[name].format(**values)

    def network(self, name: str) -> str:
        """A network's name; one that is called by its role is translated."""
        return _NETWORKS_ZH.get(name, name) if self.language == "zh" else name

    def called(self, name: str) -> str:
        """A network in a sentence: ``the generator`` where it is called by its role."""
        if self.language == "en" and name in _NETWORKS_ZH:
            return f"the {name}"
        return style.printable(self.network(name))

    def joined(self, names: Sequence[str]) -> str:
        """``a``, ``a and b``, ``a, b and c``."""
        if self.language == "en":
            return joined(names)
        return "、".join(names)

    def origin(self, name: str) -> str:
        """``G(z) of ①`` in the language's order of words."""
        what, of, where = name.partition(" of ")
        return f"{where} 的 {what}" if of and self.language == "zh" else name

    @property
    def comma(self) -> str:
        """Stands between parts of a sentence."""
        return ", " if self.language == "en" else "，"

    @property
    def separator(self) -> str:
        """Stands between remarks; wide Chinese spaces are misplaced in PDF files."""
        return " · "
