"""Metrics of an image's own pixels: all of them in one decoding pass, each value computed once ever."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.datasets.decode import decoders, quiet_pillow
from alrun.errors import AlrunError, raised_in
from alrun.faults import reach
from alrun.files import digest, file_digest, waited_for
from alrun.metrics.base import MetricInputs
from alrun.metrics.picture import Picture
from alrun.pool.images import try_decode
from alrun.pool.shards import Shards
from alrun.progress import gauge
from alrun.types import ImageFile, LeftOut, Need

VERSION = 1
"""Of how images are decoded; another number, and everything is computed again."""

Floats = npt.NDArray[np.float64]
Measurement = Mapping[str, float] | str
"""The values of one image by the name of the metric, or why there are none."""


@dataclass(frozen=True)
class PixelMetric(ABC):
    """A metric that looks at the pixels of one image and nothing else: a subclass says how to `measure` it.

    A run decodes each image once for all such metrics and keeps their values, see :func:`measure_all`.

    Attributes
    ----------
    version
        Another number makes kept values void. The files of classes that are not alrun's count too, so that an edited
        metric is computed anew; raise it where something else changes that `measure` uses.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.IMAGES})
    version: ClassVar[int] = 1

    @abstractmethod
    def measure(self, picture: Picture) -> float:
        """Return the value of one image, NaN where the metric is not defined; called by several threads.

        Whatever else it raises ends the run, with an error that names the metric and the image.
        """

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> Floats:
        """Return float64 of shape (N,); NaN for an image that is not there or cannot be decoded."""
        del rng
        if inputs.images is None:
            raise ValueError(f"{type(self).__name__} was called without the images it declares")
        values = np.full(len(inputs.images), np.nan)
        there = [row for row, image in enumerate(inputs.images) if image is not None]
        images = [image for image in inputs.images if image is not None]
        values[there] = measure_all({"value": self}, images, None).values["value"]
        return values


@dataclass(frozen=True)
class Measured:
    """What came out of a pass over images.

    Attributes
    ----------
    values
        For each metric float64 of shape (N,), NaN where it is not defined.
    broken
        The images (data hashes) that could not be decoded, with the reason.
    decoded
        How many were decoded just now.
    """

    values: dict[str, Floats]
    broken: tuple[LeftOut, ...]
    decoded: int


def measure_all(
    metrics: Mapping[str, PixelMetric], images: Sequence[ImageFile], cache: Path | None, batch: int = 1024
) -> Measured:
    """Measure `images` by every metric, decoding each content at most once.

    Only values that are not kept under ``cache/metrics/IDENTITY/`` are computed, so that one more metric computes
    one metric, and one more image one image. They are kept every `batch` images: a kill loses one batch at most.
    As many threads as `alrun.pool.images.workers` says hold one decoded image each; which of them measures what
    makes no difference. Of two processes that want the same, one measures and the other waits. An image that cannot
    be decoded costs its own row only; it is tried again the next time.

    Parameters
    ----------
    cache
        None keeps nothing.
    """
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image.digest, []).append(row)
    values = {name: np.full(len(images), np.nan) for name in metrics}
    shards = {name: _shards(metric, cache) for name, metric in metrics.items()} if cache is not None else {}
    missing = _missing(metrics, rows, values, shards)
    if not missing or cache is None:
        return _measured(metrics, images, rows, values, shards, missing, batch)
    with waited_for(cache / "metrics" / ".lock"):
        missing = _missing(metrics, rows, values, shards)  # another process may have measured them meanwhile
        return _measured(metrics, images, rows, values, shards, missing, batch)


def _missing(
    metrics: Iterable[str], rows: Mapping[str, list[int]], values: Mapping[str, Floats], shards: Mapping[str, Shards]
) -> dict[str, list[str]]:
    """Fill in what was kept; return which metrics of which images were not, by digest."""
    missing: dict[str, list[str]] = {}
    for name in metrics:
        for image_digest in rows.keys() - _recall(shards.get(name), rows, values[name]):
            missing.setdefault(image_digest, []).append(name)
    return missing


def _measured(
    metrics: Mapping[str, PixelMetric],
    images: Sequence[ImageFile],
    rows: Mapping[str, list[int]],
    values: dict[str, Floats],
    shards: Mapping[str, Shards],
    missing: Mapping[str, list[str]],
    batch: int,
) -> Measured:
    """Decode the images that lack something, and measure it."""
    from threadpoolctl import threadpool_limits

    todo = [images[places[0]] for image_digest, places in rows.items() if image_digest in missing]
    reasons: dict[str, str] = {}
    with (
        quiet_pillow(),
        threadpool_limits(1),  # the threads here are one a core already
        ThreadPoolExecutor(decoders()) as threads,
        gauge("measuring images", len(todo)) as show,
    ):
        for start in range(0, len(todo), batch):
            some = todo[start : start + batch]
            found: dict[str, Measurement] = {}
            measured = threads.map(lambda image: _measure(image, metrics, missing[image.digest]), some)
            for number, (image, answer) in enumerate(zip(some, measured, strict=True), start + 1):
                found[image.digest] = answer
                show(number)
            _note(found, rows, values, shards, reasons)
            reach("metrics.kept")
    broken = [LeftOut(image.data_hash, reasons[image.digest]) for image in images if image.digest in reasons]
    return Measured(values, tuple(dict.fromkeys(broken)), len(todo))


def _shards(metric: PixelMetric, cache: Path) -> Shards:
    kind = f"{type(metric).__module__}.{type(metric).__qualname__}"
    code = [file_digest(file) for file in _own_code(type(metric))]
    identity = digest([VERSION, kind, metric.version, asdict(metric), *([code] if code else [])])
    return Shards(cache / "metrics" / identity, identity)


def _own_code(kind: type) -> list[Path]:
    """Return the files of a class and of those that it inherits from, but for alrun's and Python's."""
    ours = {"alrun", *sys.stdlib_module_names}
    modules = {one.__module__ for one in kind.__mro__ if one.__module__.partition(".")[0] not in ours}
    files = [Path(getattr(sys.modules.get(name), "__file__", None) or "") for name in sorted(modules)]
    return [file for file in files if file.is_file()]


def _recall(shards: Shards | None, rows: Mapping[str, list[int]], values: Floats) -> set[str]:
    """Fill in what was kept; return the digests of those images."""
    recalled: set[str] = set()
    for digests, kept in shards.kept(rows) if shards is not None else ():
        if kept.dtype == np.float64 and kept.ndim == 1:
            for image_digest, value in zip(digests, kept.tolist(), strict=True):
                if image_digest in rows:
                    values[rows[image_digest]] = value
                    recalled.add(image_digest)
    return recalled


def _measure(image: ImageFile, metrics: Mapping[str, PixelMetric], names: Sequence[str]) -> Measurement:
    decoded = try_decode(image)
    if isinstance(decoded, str):
        return decoded
    picture = Picture(np.asarray(decoded))
    return {name: _value(metrics[name], name, picture, image) for name in names}


def _value(metric: PixelMetric, name: str, picture: Picture, image: ImageFile) -> float:
    """Return the value of one image; an error of the metric's own does not say which image it was."""
    try:
        return float(metric.measure(picture))
    except AlrunError:
        raise
    except Exception as error:
        raise RuntimeError(
            f"the metric {name!r} failed on the image {image.data_hash} ({image.path}): {error!r} in {raised_in(error)}"
        ) from error


def _note(
    found: Mapping[str, Measurement],
    rows: Mapping[str, list[int]],
    values: Mapping[str, Floats],
    shards: Mapping[str, Shards],
    reasons: dict[str, str],
) -> None:
    """Fill in a batch of measurements, and keep it."""
    reasons |= {image_digest: answer for image_digest, answer in found.items() if isinstance(answer, str)}
    for name, column in values.items():
        new = {d: answer[name] for d, answer in found.items() if not isinstance(answer, str) and name in answer}
        for image_digest, value in new.items():
            column[rows[image_digest]] = value
        if new and name in shards:
            shards[name].keep(list(new), np.array(list(new.values()), np.float64))
