"""How many threads the libraries of another process use."""

from __future__ import annotations

LIBRARIES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)  # fmt: skip
"""What libraries read, when they are first imported, to learn how many threads to use."""


def thread_limits(threads: int) -> dict[str, str]:
    """Return the environment in which libraries use `threads` threads."""
    return dict.fromkeys(LIBRARIES, str(threads))
