"""What a selection will take, said before it begins."""

from __future__ import annotations

import logging
from pathlib import Path
from time import perf_counter

import numpy as np

from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.cost import Size, Work, size_of, work_of

log = logging.getLogger("alrun")

LONG = 10.0
"""Seconds above which a selection is announced."""
LARGE = 1e9
"""Bytes above which it is."""

_SURELY_SHORT = 1e10  # operations that the slowest machine does in `LONG` seconds
_TRIAL = 0.05
_WIDTH = 768  # of the products that are timed
_MEMORY = Path("/proc/meminfo")


def announce(strategy: Strategy, inputs: StrategyInputs, budget: int) -> None:
    """Log what a selection takes at most if that is much, and warn if there is too little memory."""
    size = size_of(inputs, budget)
    work = work_of(strategy, size)
    seconds = work.operations / operations_per_second() if work.operations > _SURELY_SHORT else 0.0
    if seconds > LONG or work.bytes > LARGE:
        log.info("%s", in_words(size, work, seconds))
    free = free_bytes()
    if free is not None and work.bytes > free:
        log.warning(
            "the selection may take %s of memory, and %s are free: if it is ended by the system, filter the pool, or "
            "let another strategy keep fewer candidates first (strategy=pipeline)",
            _bytes(work.bytes), _bytes(free),
        )  # fmt: skip


def in_words(size: Size, work: Work, seconds: float) -> str:
    """Return the line that a user sees."""
    width = f" x {size.dimensions}" if size.dimensions else ""
    return (
        f"selecting {size.budget:,} of {size.candidates:,}{width} takes at most about {_time(seconds)} "
        f"and {_bytes(work.bytes)} of memory besides what it looks at"
    )


def operations_per_second() -> float:
    """Measure how many multiply-adds this machine does in products of float32 matrices; takes about 50 ms."""
    matrix = np.ones((_WIDTH, _WIDTH), np.float32)
    best, end = 0.0, perf_counter() + _TRIAL
    while True:
        start = perf_counter()
        matrix @ matrix
        now = perf_counter()
        best = max(best, _WIDTH**3 / (now - start))
        if now > end:
            return best


def free_bytes() -> float | None:
    """Return how much memory programs may still take, None where the system does not say."""
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024.0 * int(found[0]) if found else None


def _time(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"


def _bytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{max(number / 1e6, 1):.0f} MB"
