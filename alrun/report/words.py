"""Numbers and untrusted strings as people read them; shared by the page and the terminal summary."""

from __future__ import annotations

import math
import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_KEPT = "\n\t"
MISSING = "-"


def clean(text: str) -> str:
    """Return `text` without what a terminal or a parser would act on.

    Control characters (an escape sequence in a file name moves the cursor or re-colours a terminal) and lone
    surrogates (a file name that is not UTF-8; no encoder takes them) become U+FFFD; line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cs") else _REPLACEMENT for c in text)


def shorten(text: str, width: int = 120) -> str:
    """Return the first `width` characters of `text` on one line, with an ellipsis if there are more."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width and len(text) <= 4 * width else line[: width - 1] + "…"


def number(value: float | None) -> str:
    """Return a score or a metric's value with four significant digits; whole numbers in full."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def count(value: int | None) -> str:
    """Return a whole number in full."""
    return MISSING if value is None else f"{value:,}"


def fraction(value: float | None) -> str:
    """Return an evaluation figure with three decimals."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.3f}"


def uncapitalised(title: str) -> str:
    """Return a title as it is written within a sentence; F1 and mAP stay as they are."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def duration(seconds: float) -> str:
    """Return `seconds` in the unit that suits them."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
