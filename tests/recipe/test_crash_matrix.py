"""Kill it anywhere, lose any request: the end is that of an undisturbed run. The table is printed by the command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.recipe.crash_matrix import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_case_ends_like_an_undisturbed_run(name: str) -> None:
    command = [sys.executable, "-m", "tests.recipe.crash_matrix", name]
    printed = subprocess.run(command, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stdout + printed.stderr
    found = re.search(r"(\d+) cases, 0 wrong", printed.stdout)
    assert found is not None
    assert int(found[1]) > 90
