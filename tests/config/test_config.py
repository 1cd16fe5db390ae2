"""The identity of a config, its folders and its moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alrun.config.schema import OPERATIONAL, digest, parse_deadline
from alrun.files import cache_folder
from tests.config.command import chosen, content


def test_the_digest_changes_with_what_a_run_computes() -> None:
    base = digest(content())
    for override in ("budget=499", "seed=1", "strategy=random", "model.trees=499", "filters=all", "threads=2"):
        assert digest(content(override)) != base


def test_the_digest_does_not_change_with_what_only_runs_it(tmp_path: Path) -> None:
    base = digest(content())
    operational = {
        "action": "plan", "run": "x", "run_id": "x", "approve": "prompt", "wait": "true", "cache": str(tmp_path),
        "report": "{thumbnails: 3}", "sweep": "{full_data: false}", "launcher": "processes",
        "compute": "{images: 7}",
        "runs": "x", "preset": "x", "compare": "{x: spent}", "doctor": "{scratch_project: x}", "tracking": "mlflow",
        "restore": "{labelled: leave}",
    }  # fmt: skip
    assert set(operational) == {key for key in OPERATIONAL if "." not in key}
    for key, value in operational.items():
        changed = content(f"{key}={value}")
        assert changed != content()
        assert digest(changed) == base


@pytest.mark.parametrize("platform", ["encord", "rehearsal"])
def test_how_a_platform_is_reached_does_not_change_the_digest(platform: str, tmp_path: Path) -> None:
    given = chosen(f"platform/{platform}")
    base = content(*given)
    operational = {"platform.cache": str(tmp_path), "platform.key_file": "key", "platform.threads": "2"}
    assert set(operational) == {key for key in OPERATIONAL if "." in key}
    for key, value in operational.items():
        changed = content(*given, f"{key}={value}")
        assert changed != base
        assert digest(changed) == digest(base)
    for key, value in {"domain": "https://api.us.encord.com", "user": "you@example.org", "max_pixels": "9"}.items():
        assert digest(content(*given, f"platform.{key}={value}")) != digest(base)


def test_only_the_platform_s_own_key_is_left_out_of_the_digest() -> None:
    """A `threads` at the top, or a component's own `cache`, is another key of that name."""
    base: dict[str, Any] = {"platform": {"threads": 1, "path": None}, "embedding": {"cache": "a"}, "threads": 1}
    assert digest(base) == digest({**base, "platform": {"threads": 2, "path": None}})
    assert digest(base) != digest({**base, "embedding": {"cache": "b"}})
    assert digest(base) != digest({**base, "threads": 2})


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ALRUN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder(None) == tmp_path / ".cache" / "alrun"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative is to be ignored")
    assert cache_folder(None) == tmp_path / ".cache" / "alrun"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder(None) == Path("/xdg/alrun")
    monkeypatch.setenv("ALRUN_CACHE", "/variable")
    assert cache_folder(None) == Path("/variable")
    assert cache_folder("~/given") == tmp_path / "given"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("1.5d", timedelta(days=1.5)),
        ("2w", timedelta(weeks=2)),
        ("30s", timedelta(seconds=30)),
        ("2026-11-30T18:00:00+00:00", datetime(2026, 11, 30, 18, tzinfo=UTC)),
        ("2026-11-30T18:00Z", datetime(2026, 11, 30, 18, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_a_span_or_a_moment(text: str, meant: timedelta | datetime) -> None:
    assert parse_deadline(text) == meant


def test_a_moment_without_a_zone_is_local_time() -> None:
    moment = parse_deadline("2026-11-30T18:00")
    assert isinstance(moment, datetime)
    assert moment.tzinfo is not None
    assert moment.replace(tzinfo=None) == datetime(2026, 11, 30, 18)  # noqa: DTZ001


@pytest.mark.parametrize("text", ["", "soon", "5", "-5h", "5 h", "99999999999w", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a span"):
        parse_deadline(text)
