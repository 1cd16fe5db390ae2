"""How many processors this process may use."""

from __future__ import annotations


def cores() -> int:
    """Return how many: as its affinity and its container allow, which `os.cpu_count` does not look at."""
    from joblib import cpu_count  # type: ignore[import-untyped]

    return int(cpu_count())
