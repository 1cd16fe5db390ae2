"""Where a run is tracked is checked before anything starts, changes no result, and holds no secret."""

from __future__ import annotations

import pytest

from alrun.config.schema import digest
from alrun.errors import ConfigError
from alrun.tracking.mlflow import Mlflow
from tests.config.command import content, faults

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"https://me:{SECRET}@example.org", "MLFLOW_TRACKING_PASSWORD"),
        (f"https://me:{SECRET}/@example.org", "MLFLOW_TRACKING_PASSWORD"),
        (f"https://example.org?token={SECRET}", "MLFLOW_TRACKING_TOKEN"),
        (f"https://[me:{SECRET}@example.org", "must be sqlite:///FILE"),
        (f"postgresql://me:{SECRET}@example.org/db", "must be sqlite:///FILE"),
        (f"{SECRET}", "must be sqlite:///FILE"),
        ("https://", "must be sqlite:///FILE"),
        ("sqlite:///", "names a file"),
        (f"sqlite:///x.db?key={SECRET}", "names a file"),
    ],
)
def test_an_address_that_cannot_be_used_or_holds_a_secret_is_refused_and_not_repeated(uri: str, message: str) -> None:
    (fault,) = faults("tracking=mlflow", f"tracking.uri='{uri}'")
    assert fault.key == "tracking"
    assert message in fault.message
    assert SECRET not in str(fault)
    with pytest.raises(ConfigError):
        Mlflow(uri)


def test_where_a_run_is_tracked_changes_no_result() -> None:
    assert content()["tracking"] is None
    assert digest(content("tracking=mlflow", "tracking.uri=https://example.org:5000/x")) == digest(content())


def test_faults() -> None:
    (unknown,) = faults("tracking=mlflw")
    assert "did you mean 'mlflow'? allowed: mlflow, none" in unknown.message
    (field,) = faults("tracking=mlflow", "tracking.ur=x")
    assert (field.key, "did you mean 'uri'?" in field.message) == ("tracking.ur", True)
    (swept,) = faults("tracking=none,mlflow", multirun=True)
    assert "one for all jobs" in swept.message
    (folder,) = faults("action=track")
    assert (folder.key, "needs run=FOLDER" in folder.message) == ("run", True)
