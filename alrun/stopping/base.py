"""The stopping port: what is known after each round, and a rule that may end the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from alrun.errors import ConfigError, one_of
from alrun.models.figures import Figure

Reads = Literal["figures", "predictions", "spent"]


@dataclass(frozen=True)
class RoundFacts:
    """What one finished round came to.

    Attributes
    ----------
    number
        0 for the initial set, else from 1.
    labelled
        Labelled images in the project, of whatever origin.
    spent
        What the labels of this run have cost up to this round, in the unit of the configured cost.
    figures
        The figures of the evaluation, such as `accuracy`; empty if nothing was evaluated.
    kappa, f_change, uncertainty
        What `alrun.stopping.predictions` computes; None where there is nothing to compare or to predict.
    """

    number: int
    labelled: int
    spent: float
    figures: Mapping[str, float] = field(default_factory=dict)
    kappa: float | None = None
    f_change: float | None = None
    uncertainty: float | None = None

    @staticmethod
    def from_result(result: Mapping[str, Any]) -> RoundFacts:
        """Read what a round's `result.json` says."""
        evaluation = result["evaluation"] or {}
        figures = {name: evaluation[name] for name in get_args(Figure) if evaluation.get(name) is not None}
        stability = result.get("stability") or {}
        return RoundFacts(
            result["round"],
            result["labelled"],
            result["spent"],
            figures,
            stability.get("kappa"),
            stability.get("f_change"),
            stability.get("uncertainty"),
        )


@runtime_checkable
class StoppingRule(Protocol):
    """Says after a round whether the run is over. A frozen dataclass whose fields are its configuration.

    Attributes
    ----------
    reads
        What it goes by: the figures of the evaluation, the model's predictions, or what was spent.
    """

    reads: ClassVar[Reads]

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends after the last of `rounds`, in words; None if it goes on.

        Parameters
        ----------
        rounds
            At least one, in order. What a rule cannot judge, for want of facts, does not end a run.
        """
        ...


def figures(rounds: Sequence[RoundFacts], name: str) -> list[float]:
    """Return a figure of the rounds that were evaluated, in order.

    Raises
    ------
    ConfigError
        If they were evaluated, but not by this figure.
    """
    evaluated = [facts for facts in rounds if facts.figures]
    for facts in evaluated:
        if name not in facts.figures:
            allowed = one_of(name, sorted(facts.figures))
            raise ConfigError(f"a stopping rule goes by {name!r}, which is not a figure of the evaluation; {allowed}")
    return [facts.figures[name] for facts in evaluated]
