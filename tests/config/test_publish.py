"""What may be published: results that this run computes, under a prefix of alrun's own."""

from __future__ import annotations

import pytest

from alrun.config.schema import digest
from tests.config.command import content, faults

GOOD = ("model=logistic_regression", "metrics=[image_diversity,blur]")


def test_nothing_is_published_by_default() -> None:
    assert content()["publish"] == {"metadata": [], "prefix": "alrun.", "prelabel": None}


def test_what_is_published_belongs_to_what_a_run_does() -> None:
    assert digest(content("publish.metadata=[score]")) != digest(content())


@pytest.mark.parametrize(
    "override",
    ["publish.metadata=[blur,score,predicted,confidence]", "publish.prefix=team-7.", "publish.prelabel=0.9"],
)
def test_these_are_right(override: str) -> None:
    assert faults(*GOOD, override) == []


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        (("publish.metadata=[blurr]",), "publish.metadata", "did you mean 'blur'? allowed: blur, confidence, image"),
        (("publish.metadata=[blur,blur]",), "publish.metadata", "named twice"),
        (("publish.metadata=blur",), "publish.metadata", "must"),
        (("publish.metadata=[predicted]", "model=none"), "publish.metadata", "needs a model"),
        (("publish.prelabel=0.5", "model=none"), "publish.prelabel", "needs a model"),
        (("publish.prelabel=1.5",), "publish.prelabel", "less than or equal to 1"),
        (("publish.prefix=alrun",), "publish.prefix", "a dot at the end"),
        (("publish.prefix=a.b.",), "publish.prefix", "a dot at the end"),
        (("publish.prefix=''",), "publish.prefix", "a dot at the end"),
        (("publish.labels=true",), "publish.labels", "unknown key"),
        (
            ("+metrics.score={_target_: alrun.metrics.blur.Blur}", "publish.metadata=[score]"),
            "publish.metadata",
            "another name",
        ),
    ],
)
def test_these_are_found_before_anything_runs(overrides: tuple[str, ...], key: str, message: str) -> None:
    found = [fault for fault in faults(*GOOD, *overrides) if fault.key == key]
    assert found
    assert all(message in fault.message for fault in found)
