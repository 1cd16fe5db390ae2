"""The strategy that the README shows is one: it passes the contract as it is printed there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import alrun
from alrun.strategies.base import Strategy
from alrun.strategies.testing import SIZE, StrategyContract, pool

README = Path(alrun.__file__).parent.parent / "README.md"
IMPORTS = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.types import Need
"""


def printed(name: str) -> Any:
    """Return the class of this name in a block of Python in the README."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if f"class {name}:" in block]
    names: dict[str, Any] = {"__name__": __name__}
    exec(IMPORTS + code, names)
    return names[name]


class TestSmallest(StrategyContract):
    kind = printed("Smallest")

    def strategy(self) -> Strategy:
        return cast("Strategy", self.kind())

    def test_the_smallest_images_come_first(self) -> None:
        """The contract's candidates differ in size: otherwise all of its promises about order would be of ties."""
        inputs = pool(self.strategy(), SIZE)
        picked = inputs.candidates[self._select(inputs, 5).rows]
        assert picked["width"].to_list() == sorted(inputs.candidates["width"])[:5]
        assert picked["width"].n_unique() == 5
