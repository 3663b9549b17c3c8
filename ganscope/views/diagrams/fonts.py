"""Fonts that hold Chinese signs: found among those installed, or said which to install."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ganscope.errors import UsageError

BASE = "DejaVu Sans"
"""Comes with matplotlib, so a diagram measures the same everywhere."""
_CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "Noto Sans CJK JP", "Noto Sans CJK TC",
    "Source Han Sans", "Droid Sans Fallback", "Arial Unicode MS", "SimSun",
)  # fmt: skip
_FILES = (
    "notosanscjk", "notosanssc", "sourcehansans", "msyh", "pingfang", "hiragino sans gb",
    "stheiti", "wqy-microhei", "wqy-zenhei", "simhei", "droidsansfallback", "arial unicode",
    "simsun",
)  # fmt: skip


@lru_cache(maxsize=1)
def chinese() -> str | None:
    """The first of the usual Chinese fonts that is installed."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {entry.name for entry in manager.ttflist}
    if not known.intersection(_CHINESE):
        # matplotlib remembers the fonts of its first run; one installed since is added here.
        for file in font_manager.findSystemFonts():
            if Path(file).stem.lower().startswith(_FILES):
                manager.addfont(file)
        known = {entry.name for entry in manager.ttflist}
    return next((name for name in _CHINESE if name in known), None)


def families(language: str) -> tuple[str, ...]:
    """The fonts to look a sign up in, in their order.

    Raises:
        UsageError: The language is Chinese and no font for it is installed.
    """
    if language != "zh":
        return (BASE,)
    found = chinese()
    if found is None:
        raise UsageError(
            "--lang zh: no Chinese font is installed; install one, such as Noto Sans CJK "
            "(package fonts-noto-cjk on Debian and Ubuntu, google-noto-sans-cjk-fonts on Fedora)"
        )
    return (BASE, found)


def fitting(text: str, fonts: tuple[str, ...]) -> tuple[str, ...]:
    """`fonts`, and the Chinese one behind them where a text needs it: names may be Chinese."""
    if text.isascii() or all(ord(sign) in _signs(fonts) for sign in text):
        return fonts
    found = chinese()
    return fonts if found is None or found in fonts else (*fonts, found)


def shown(text: str, fonts: tuple[str, ...]) -> str:
    """`text` with signs that no font holds spelled as escapes, rather than drawn as boxes."""
    if text.isascii():
        return text
    known = _signs(fonts)
    return "".join(sign if ord(sign) in known else ascii(sign)[1:-1] for sign in text)


@lru_cache(maxsize=4)
def _signs(fonts: tuple[str, ...]) -> frozenset[int]:
    from matplotlib import font_manager, ft2font

    signs: set[int] = set()
    for name in fonts:
        path = font_manager.findfont(name)
        signs.update(ft2font.FT2Font(path).get_charmap())
    return frozenset(signs)
