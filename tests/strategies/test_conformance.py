"""The table in the docs is what the checks find, and has every strategy."""

from __future__ import annotations

from pathlib import Path

import pytest

import alrun
from tests.strategies.conformance import CASES, Case, page

ROOT = Path(alrun.__file__).parent.parent
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.strategy}: {case.reference}")
def test_the_table_says_what_the_check_finds(case: Case) -> None:
    assert case.row(case.check()) in PAGE.splitlines()


def test_the_page_is_the_one_that_the_command_writes() -> None:
    results = [line.split(" | ")[-1].removesuffix(" |") for line in PAGE.splitlines() if line.startswith("| `")]
    assert page(results) == PAGE


def test_every_strategy_is_in_the_table() -> None:
    built_in = {file.stem for file in (ROOT / "conf" / "strategy").glob("*.yaml")}
    assert {case.strategy for case in CASES} == built_in
