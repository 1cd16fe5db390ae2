"""What one part of the config says about another: the rules that no type can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alrun.config.schema import ABOUT_A_RUN, PUBLISHABLE, parse_deadline
from alrun.config.strict import Problem
from alrun.costs.column import Column
from alrun.errors import one_of
from alrun.filters.listed import InLabelState
from alrun.models.base import Model
from alrun.models.ensemble import Ensemble
from alrun.models.imported import ImportedModel
from alrun.platform.port import OpenQuestions
from alrun.platform.presets import KeepsPresets
from alrun.pool.frame import METADATA, RESERVED, SIZES
from alrun.run.folder import run_id_in
from alrun.run.job import choice
from alrun.strategies.base import at_stage
from alrun.types import OF_A_MODEL, Need, StageType

WITH_A_RUN = ("action", "run", "approve", "wait", "tracking", "restore")
"""The overrides that go with `run=FOLDER`; all else comes from the config frozen in the folder."""

SELECTS_NOTHING = frozenset({"score", "train", "status", "compare", "track"})
"""Actions that work without a selection."""

OF_A_SELECTION = frozenset({"strategy", "initial.strategy", "recipe", "filters"})
"""The components that only a selection asks for anything."""


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
    metrics
        The names of all metrics that can be chosen.
    """

    content: Mapping[str, Any]
    values: Mapping[str, Any]
    built: Mapping[str, Any]
    overrides: Sequence[str]
    metrics: Sequence[str]


def broken_rules(parts: Parts) -> list[Problem]:
    """Return a problem for each rule that the config breaks; where nothing is selected, nothing has to fit that."""
    if parts.values.get("action") in SELECTS_NOTHING:
        built = {key: made for key, made in parts.built.items() if key not in OF_A_SELECTION}
        parts = replace(parts, built=built)
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
    elif action in {"resume", "track"} and run is None:
        yield Problem("run", f"action={action} needs run=FOLDER, the folder of the run")
    elif action == "restore" and run is None and run_id is None:
        yield Problem("run", "action=restore needs run=FOLDER, or run_id= with the platform that the run worked on")
    elif run is not None:
        if not (Path(run) / ".hydra" / "config.yaml").is_file():
            found = run_id_in(Path(run))
            how = f"; `action=restore run_id={found}` and the platform settings bring its tasks back" if found else ""
            yield Problem("run", f"is not a run folder: it has no .hydra/config.yaml{how}", run)
        for key in parts.overrides:
            if key.partition(".")[0] not in WITH_A_RUN:
                message = f"action={action} works with the config frozen in {run}: leave this out"
                yield Problem(key, f"{message}; allowed: {', '.join(WITH_A_RUN)}")


def _sweeps_to_compare(parts: Parts) -> Iterator[Problem]:
    action, runs = parts.values.get("action"), parts.values.get("runs")
    if action == "compare" and runs is None:
        example = "the folders of the sweeps, such as runs='multirun/*' or 'runs=[A,B]'"
        yield Problem("runs", f"action=compare needs runs=GLOB, {example}")
    elif action not in {"compare", None} and runs is not None:
        yield Problem("runs", f"names finished sweeps; action={action} takes none, compare does", runs)


def _preset_to_import(parts: Parts) -> Iterator[Problem]:
    action, preset = parts.values.get("action"), parts.values.get("preset")
    if action != "import_filter":
        if action is not None and preset is not None:
            yield Problem("preset", f"names a filter preset; action={action} takes none, import_filter does", preset)
        return
    if "preset" in parts.values and preset is None:
        yield Problem("preset", "action=import_filter needs preset=NAME, the name or uuid of a filter preset")
    platform = parts.built.get("platform")
    if platform is not None and not isinstance(platform, KeepsPresets):
        yield Problem("platform", "this platform keeps no filter presets: platform=encord does")


def _scratch_project(parts: Parts) -> Iterator[Problem]:
    doctor = parts.values.get("doctor")
    scratch = None if doctor is None else doctor.scratch_project
    if scratch is None:
        return
    if parts.values.get("action") not in {"doctor", None}:
        yield Problem("doctor.scratch_project", "is for action=doctor alone: leave it out", scratch)
    platform = parts.built.get("platform")
    if platform is not None and not isinstance(platform, OpenQuestions):
        message = "this platform leaves no questions open: leave it out, or use platform=encord"
        yield Problem("doctor.scratch_project", message, scratch)


def _labelled_when_restored(parts: Parts) -> Iterator[Problem]:
    restore, action = parts.values.get("restore"), parts.values.get("action")
    if restore is not None and restore.labelled != "ask" and action not in {"restore", None}:
        yield Problem("restore.labelled", "is for action=restore alone: leave it out", restore.labelled)


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
            reads = f"{key} reads the metric {name!r}, which is not among the metrics"
            if name in parts.metrics:
                yield Problem(to_blame, f"{reads}. To add it: metrics=[{','.join([*metrics, name])}]")
            else:
                known = sorted({*metrics, *parts.metrics})
                yield Problem(to_blame, f"{reads}, and no choice has this name; {one_of(name, known)}")


def _published(parts: Parts) -> Iterator[Problem]:
    publish, metrics = parts.values.get("publish"), parts.values.get("metrics")
    if publish is None or metrics is None:
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]+\.", publish.prefix):
        message = "must be letters, digits, _ or -, and a dot at the end, such as 'alrun.'"
        yield Problem("publish.prefix", message, publish.prefix)
    allowed = sorted({*metrics, *PUBLISHABLE})
    if publish.prelabel is not None and parts.values.get("model", "unknown") is None:
        message = "needs a model: choose one, such as model=random_forest"
        yield Problem("publish.prelabel", message, publish.prelabel)
    for name in publish.metadata:
        if publish.metadata.count(name) > 1:
            yield Problem("publish.metadata", "is named twice", name)
        elif name not in allowed:
            yield Problem("publish.metadata", f"is nothing that this run computes; {one_of(name, allowed)}", name)
        elif name in metrics and name in PUBLISHABLE:
            message = "is a metric, and also what alrun calls a result of its own: give the metric another name"
            yield Problem("publish.metadata", message, name)
        elif PUBLISHABLE.get(name) == "model" and parts.values.get("model", "unknown") is None:
            yield Problem("publish.metadata", "needs a model: choose one, such as model=random_forest", name)


def _names_of_metrics(parts: Parts) -> Iterator[Problem]:
    for name, node in (parts.content.get("metrics") or {}).items():
        own = name in SIZES and not str(node.get("_target_") if isinstance(node, Mapping) else "").startswith("alrun.")
        if own or name in RESERVED or str(name).startswith(METADATA):
            yield Problem(f"metrics.{name}", "is the name of a column of the pool: call the metric something else")


def _model_for_strategies(parts: Parts) -> Iterator[Problem]:
    initial = parts.built.get("initial.strategy")
    model, strategy = parts.built.get("model"), parts.built.get("strategy")
    imported = isinstance(model, ImportedModel)
    if initial is not None and at_stage(initial, 0).needs & OF_A_MODEL and not imported:
        yield Problem("initial.strategy", "needs a model, which a run without labels does not have: choose another")
    if model is not None and strategy is not None and Need.DETECTIONS in strategy.needs and not imported:
        message = f"finds no objects in images, which strategy={choice(strategy)} goes by: choose one that does"
        yield Problem("model", f"{message}, such as model=predictions")
    if imported and parts.values.get("action") == "train":
        yield Problem("model", "is not trained, its predictions are imported; action=score evaluates them")
    if "model" not in parts.values or parts.values["model"] is not None:
        return
    if strategy is not None and strategy.needs & OF_A_MODEL:
        yield Problem("model", f"strategy={choice(strategy)} needs a model: choose one, such as model=random_forest")
    if parts.values.get("action") == "train":
        yield Problem("model", "action=train needs a model: choose one, such as model=random_forest")


def _model_with_samples(parts: Parts) -> Iterator[Problem]:
    model, strategy = parts.built.get("model"), parts.built.get("strategy")
    if model is not None and strategy is not None and Need.SAMPLES in strategy.needs and not hasattr(model, "samples"):
        message = (
            f"strategy={choice(strategy)} compares members of a committee, or draws of a model's weights, and "
            f"model={choice(model)} has none: choose random_forest, linear_head, cnn, a committee of different "
            "models (model=committee), or an ensemble of any model (model=ensemble model@model.member=NAME)"
        )
        yield Problem("model", message)


def _members_that_differ(parts: Parts) -> Iterator[Problem]:
    """Refuse a committee whose members are all the same: it disagrees about nothing, and every score is 0."""
    model, strategy = parts.built.get("model"), parts.built.get("strategy")
    if strategy is None or Need.SAMPLES not in strategy.needs or not isinstance(model, Ensemble):
        return
    if model.members == 1:
        message = f"strategy={choice(strategy)} compares members, and there is one only: 2 or more are needed"
        yield Problem("model.members", message, model.members)
    elif not model.bootstrap and getattr(model.member, "deterministic", False):
        message = (
            f"strategy={choice(strategy)} compares members, but member={choice(model.member)} draws nothing at random, "
            "so that all members are the same and every score is 0: set model.bootstrap=true, or choose another "
            "member, such as model@model.member=linear_head"
        )
        yield Problem("model", message)


def _model_of_embeddings(parts: Parts) -> Iterator[Problem]:
    model, strategy = parts.built.get("model"), parts.built.get("strategy")
    if model is not None and strategy is not None and Need.PREDICT in strategy.needs and model.inputs != "embeddings":
        message = (
            f"takes {model.inputs}, but strategy={choice(strategy)} asks the model about changed embeddings: "
            "choose one that takes embeddings, such as model=logistic_regression"
        )
        yield Problem("model", message)


def _labels_again(parts: Parts) -> Iterator[Problem]:
    """Labels that are ranked, or tasks that are sent back, have to be there: in the filters, for the recipe."""
    recipe, strategy, initial = (parts.built.get(key) for key in ("recipe", "strategy", "initial.strategy"))
    if initial is not None and Need.OUT_OF_SAMPLE in initial.needs:
        yield Problem("initial.strategy", "ranks labels, of which a run without labels has none: choose another")
    ranked = strategy is not None and Need.OUT_OF_SAMPLE in strategy.needs
    sent_back = recipe is not None and recipe.takes is StageType.DONE
    who = f"strategy={choice(strategy)}" if ranked else f"recipe={choice(recipe)}"
    if ranked and recipe is not None and not sent_back:
        message = f"takes tasks that wait to be labelled, but {who} ranks labels: choose recipe=relabel"
        yield Problem("recipe", message)
    filters = parts.built.get("filters")
    if (ranked or sent_back) and filters is not None and InLabelState("unlabelled") in filters.predicates:
        yield Problem("filters", f"let unlabelled tasks through only, but {who} is for labelled ones: filters=labelled")
    if sent_back and "initial" in parts.values and parts.values["initial"].size is not None:
        yield Problem("initial.size", f"{who} is for labelled tasks, and an initial set is not: leave it out")
    if ranked and "model" in parts.values and not isinstance(parts.built.get("model"), Model):
        message = f"must be one that is trained in this run, for {who} trains it without the label that it looks at"
        yield Problem("model", f"{message}: choose one, such as model=logistic_regression")


def _stop_without_a_model(parts: Parts) -> Iterator[Problem]:
    if "model" not in parts.values or parts.values["model"] is not None:
        return
    for key, rule in parts.built.items():
        if key.startswith("stop.") and rule.reads != "spent":
            yield Problem(key, "goes by a model, and there is none: choose a model, or leave the rule out")


def _cost_column(parts: Parts) -> Iterator[Problem]:
    cost, metrics = parts.built.get("cost"), parts.values.get("metrics")
    if not isinstance(cost, Column) or metrics is None or cost.column.startswith(METADATA):
        return
    known = sorted({*metrics, "width", "height"})
    if cost.column not in known:
        allowed = one_of(cost.column, known)
        yield Problem(
            "cost.column", f"there is no such metric; {allowed}, or meta.NAME of client metadata", cost.column
        )


RULES = (
    _stop_without_a_model,
    _cost_column,
    _about_a_run,
    _sweeps_to_compare,
    _preset_to_import,
    _scratch_project,
    _labelled_when_restored,
    _deadline,
    _metrics_that_are_read,
    _names_of_metrics,
    _published,
    _model_for_strategies,
    _model_with_samples,
    _members_that_differ,
    _model_of_embeddings,
    _labels_again,
)
"""What one value says about another; each rule looks at the parts that are right by themselves."""
