"""Whose a key of the client metadata is, and what they become when alrun writes: a pure rule, the same everywhere.

alrun's keys begin with a prefix of their own (``alrun.blur``) and are sealed: ``alrun.seal`` holds a digest of all of
them and their values. Keys under the prefix whose seal is broken or absent were written, or changed, by somebody else,
and the image is left alone. Every other key stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from alrun.files import digest
from alrun.types import Scalar

SEAL = "seal"
DIGITS = 6
_EXACT = 2**53


def rounded(value: float) -> Scalar | None:
    """Return a number as it is written: a whole one whole, others to 6 significant digits, none for NaN and infinity.

    Examples
    --------
    >>> [rounded(value) for value in (640.0, 0.1234567, 1e-9 / 3, float("nan"))]
    [640, 0.123457, 3.33333e-10, None]
    """
    if not isfinite(value):
        return None
    if float(value).is_integer() and abs(value) < _EXACT:
        return int(value)
    return float(f"{value:.{DIGITS}g}")


def owned(metadata: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the values under `prefix`, but for the seal and keys without a value."""
    return {
        key: value
        for key, value in metadata.items()
        if key.startswith(prefix) and key != prefix + SEAL and value is not None
    }


def merged(
    before: Mapping[str, Any], wanted: Mapping[str, Scalar | None], prefix: str
) -> Mapping[str, Any] | str | None:
    """Return what `before` becomes with the keys `wanted`, None if it has them, or why it must be left alone.

    Parameters
    ----------
    before
        All client metadata of one image.
    wanted
        Keys, all of which begin with `prefix`; one that is None is to have no value. Keys under the prefix that
        are not named keep their values.

    Returns
    -------
    mapping or str or None
        A mapping has every key of `before`: those under the prefix that lose their value have None.
    """
    foreign = {key: value for key, value in before.items() if not key.startswith(prefix)}
    now, seal = owned(before, prefix), before.get(prefix + SEAL)
    if seal != (_seal(now) if now or seal is not None else None):
        names = ", ".join(sorted(now)) or prefix + SEAL
        return f"its {names} are not as alrun wrote them: take them out, or choose another publish.prefix"
    if not _is_json(foreign):
        return "its client metadata hold a number that JSON does not have"
    after = {key: value for key, value in {**now, **wanted}.items() if value is not None}
    if after == now:
        return None
    gone = dict.fromkeys(now.keys() - after.keys())
    return {**foreign, **gone, **after, prefix + SEAL: _seal(after)}


def _seal(values: Mapping[str, Any]) -> str:
    """Return the digest of values, in which a number is the same whether it is written whole or not."""
    return digest([[key, _plain(values[key])] for key in sorted(values)])[:16]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_json(values: Mapping[str, Any]) -> bool:
    try:
        json.dumps(values, allow_nan=False)
    except ValueError:
        return False
    return True
