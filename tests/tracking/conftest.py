from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all runs of a test session: importing and embedding happen once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests, each with its own experiment: making the tables takes MLflow seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
