"""What one part of the config says about another: the rules that no type can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alrun.config.schema import ABOUT_A_RUN, parse_deadline
from alrun.config.strict import Problem
from alrun.errors import one_of

WITH_A_RUN = ("action", "run", "approve", "wait")
"""The overrides that go with `run=FOLDER`; all else comes from the config frozen in the folder."""


@dataclass(frozen=True)
class Parts:
    """A config, taken apart: a rule looks at what is right by itself.

    Attributes
    ----------
    content
        The resolved config, faulty parts included.
    values
        The typed top-level values without a fault.
    built
        The components without a fault, by their key, and the filters.
    overrides
        The keys that were set on the command line.
    """

    content: Mapping[str, Any]
    values: Mapping[str, Any]
    built: Mapping[str, Any]
    overrides: Sequence[str]


def broken_rules(parts: Parts) -> list[Problem]:
    """Return a problem for each rule that the config breaks."""
    return [problem for rule in RULES for problem in rule(parts)]


def _about_a_run(parts: Parts) -> Iterator[Problem]:
    action, run, run_id = (parts.values.get(key) for key in ("action", "run", "run_id"))
    if action is None:
        return
    if action not in ABOUT_A_RUN:
        for key, value in (("run", run), ("run_id", run_id)):
            if value is not None:
                allowed = ", ".join(sorted(ABOUT_A_RUN))
                yield Problem(key, f"names an earlier run; action={action} takes none, {allowed} do", value)
    elif action == "resume" and run is None:
        yield Problem("run", "action=resume needs run=FOLDER, the folder of the run to finish")
    elif action == "restore" and run is None and run_id is None:
        yield Problem("run", "action=restore needs run=FOLDER, or run_id= with the platform that the run worked on")
    elif run is not None:
        if not (Path(run) / ".hydra" / "config.yaml").is_file():
            yield Problem("run", "is no run folder: there is no .hydra/config.yaml in it", run)
        for key in parts.overrides:
            if key not in WITH_A_RUN:
                message = f"action={action} works with the config frozen in {run}: leave this out"
                yield Problem(key, f"{message}; allowed: {', '.join(WITH_A_RUN)}")


def _deadline(parts: Parts) -> Iterator[Problem]:
    when = parts.content.get("restore_when")
    deadline = when.get("deadline") if isinstance(when, Mapping) else None
    if isinstance(deadline, str):
        try:
            parse_deadline(deadline)
        except ValueError as error:
            yield Problem("restore_when.deadline", str(error), deadline)


def _metrics_that_are_read(parts: Parts) -> Iterator[Problem]:
    metrics = parts.values.get("metrics")
    if metrics is None:
        return
    for key, to_blame in (("filters", "filters"), ("strategy", "metrics"), ("initial.strategy", "metrics")):
        for name in sorted(parts.built[key].metrics - set(metrics)) if key in parts.built else ():
            message = (
                f"{key} reads the metric {name!r}, which is not among the metrics; {one_of(name, sorted(metrics))}"
            )
            yield Problem(to_blame, f"{message}. To add one: metrics=[{','.join([*metrics, name])}]")


def _model_for_strategies(parts: Parts) -> Iterator[Problem]:
    initial = parts.built.get("initial.strategy")
    if initial is not None and "probabilities" in initial.needs:
        yield Problem("initial.strategy", "needs a model, which a run without labels does not have: choose another")
    if "model" not in parts.values or parts.values["model"] is not None:
        return
    strategy = parts.built.get("strategy")
    if strategy is not None and "probabilities" in strategy.needs:
        yield Problem(
            "model", f"strategy {type(strategy).__name__} needs a model: choose one, such as model=random_forest"
        )
    if parts.values.get("action") == "train":
        yield Problem("model", "action=train needs a model: choose one, such as model=random_forest")


RULES = (_about_a_run, _deadline, _metrics_that_are_read, _model_for_strategies)
"""What one value says about another; each rule looks at the parts that are right by themselves."""
