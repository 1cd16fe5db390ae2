"""Every fault of a command line and its config at once, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from hydra.types import RunMode
from omegaconf import OmegaConf

from alrun.config.compose import Composer, Composition
from alrun.config.overrides import COMMAND_LINE, Fault, Setting, setting
from alrun.config.rules import Parts, broken_rules
from alrun.config.schema import RunConfig, components, read_component
from alrun.config.strict import Problem, read
from alrun.errors import AlrunError, ConfigError, one_of


@dataclass(frozen=True)
class Verdict:
    """What the check found; `sweep` tells whether the command line means several jobs."""

    faults: list[Fault]
    sweep: bool


def check(overrides: Sequence[str], composer: Composer, *, multirun: bool = False, values: bool = True) -> Verdict:
    """Compose what the overrides ask for and check all of it.

    Parameters
    ----------
    multirun
        Whether the command line has ``-m``.
    values
        False looks at the values only if Hydra refuses to compose: enough to show a config.
    """
    faults: list[Fault] = []
    settings: list[Setting] = []
    for text in overrides:
        try:
            settings.append(setting(text, loader=composer.loader))
        except ConfigError as error:
            faults.append(Fault(text, None, str(error), COMMAND_LINE))
    master = Composition(composer, [item for item in settings if not item.parsed.is_sweep_override()])
    planned, found = _planned_sweep(master, composer)
    faults.extend(found)
    sweep = bool(multirun or planned or (master.config is not None and master.config.hydra.mode == RunMode.MULTIRUN))
    faults.extend(_sweep_faults(settings, master, sweep=sweep))
    for job in _jobs([*planned, *settings] if sweep else settings, master, composer):
        faults.extend(_job_faults(job, composer, planned=bool(planned), values=values))
    return Verdict(list(dict.fromkeys(faults)), sweep)


def _planned_sweep(master: Composition, composer: Composer) -> tuple[list[Setting], list[Fault]]:
    """Return the sweep that an experiment defines in `hydra.sweeper.params`."""
    params = OmegaConf.select(master.config, "hydra.sweeper.params") if master.config is not None else None
    planned: list[Setting] = []
    faults: list[Fault] = []
    for key, value in (params or {}).items():
        origin = f"{master.origin(f'hydra.sweeper.params.{key}')}: hydra.sweeper.params"
        try:
            planned.append(setting(f"{key}={value}", origin, composer.loader))
        except ConfigError as error:
            faults.append(Fault(str(key), str(value), str(error), origin))
    return planned, faults


def _sweep_faults(settings: Iterable[Setting], master: Composition, *, sweep: bool) -> Iterator[Fault]:
    for item in settings:
        if not item.parsed.is_sweep_override():
            if sweep and item.key == "platform.path" and item.parsed.value() is not None:
                yield item.fault(
                    "the jobs of a sweep would work on one project, each on what the ones before it labelled: leave it "
                    "out, and every job gets a fresh project"
                )
            continue
        if item.parsed.is_hydra_override():
            yield item.fault("Hydra's own keys cannot be swept")
        elif not sweep:
            yield item.fault(
                "several values: add -m to sweep over them; a list is [a,b], a text with a comma \\'a,b\\'"
            )
        elif item.parsed.is_interval_sweep():
            target = OmegaConf.select(master.config, "hydra.sweeper._target_") if master.config is not None else ""
            if str(target).endswith("BasicSweeper"):
                yield item.fault("the basic sweeper takes lists, range(...) and choice(...), no interval")
        elif not item.values():
            yield item.fault("matches no choice")


def _jobs(settings: Sequence[Setting], master: Composition, composer: Composer) -> Iterator[Composition]:
    """Compose jobs in which every value of every sweep occurs: all first values, then one change at a time."""
    choices: dict[str, list[Setting]] = {}
    for item in settings:
        swept = item.parsed.is_sweep_override()
        usable = [] if swept and (item.parsed.is_interval_sweep() or item.parsed.is_hydra_override()) else item.values()
        if usable:
            choices[item.parsed.get_key_element()] = usable
    first = {key: values[0] for key, values in choices.items()}
    base = list(first.values())
    composed = master if base == master.settings else Composition(composer, base)
    yield composed
    for key, values in choices.items():
        is_group = bool(composer.options(values[0].parsed.key_or_group, base))
        for value in values[1:]:
            job = list({**first, key: value}.values())
            yield Composition(composer, job) if is_group else composed.changed(job, value)


def _job_faults(composition: Composition, composer: Composer, *, planned: bool, values: bool) -> list[Fault]:
    faults = list(composition.faults)
    if composition.config is not None and (values or composition.refusal is not None):
        content, unresolved = composition.plain()
        faults.extend(unresolved)
        if not planned and _planned_sweep(composition, composer)[0]:
            faults.extend(
                i.fault("is a sweep itself: start it alone") for i in composition.settings if i.key == "experiment"
            )
        overrides = [item.key for item in composition.settings if not item.parsed.is_hydra_override()]
        known = [*composition.dropped, *(fault.key for fault in unresolved)]
        for problem in _problems(content, overrides, known, composer.groups()):
            if not any(problem.key == key or problem.key.startswith(f"{key}.") for key in known):
                given = None if problem.missing or problem.given is None else _shown(problem.given)
                faults.append(Fault(problem.key, given, problem.message, composition.origin(problem.key)))
    if not faults and composition.refusal is not None:
        faults.append(composition.refusal)
    return faults


def _problems(
    content: Mapping[str, Any], overrides: Sequence[str], known: Sequence[str], groups: Sequence[str]
) -> list[Problem]:
    arguments, problems = read(RunConfig, content)
    problems = [_with_groups(problem, groups) for problem in problems]
    built: dict[str, Any] = {}
    for key, group, node in components(content):
        if not any(key == k or k.startswith(f"{key}.") or key.startswith(f"{k}.") for k in known):
            component, found = _component(group, node)
            problems.extend(problem.below(key) for problem in found)
            built[key] = component
    if isinstance(content.get("filters"), Mapping):
        built["filters"], found = _filters(content["filters"])
        problems.extend(found)
    faulty = {problem.key.partition(".")[0] for problem in problems}
    sound = {key: value for key, value in arguments.items() if key not in faulty and key not in known}
    parts = Parts(content, sound, {key: made for key, made in built.items() if made is not None}, overrides)
    return problems + broken_rules(parts)


def _with_groups(problem: Problem, groups: Sequence[str]) -> Problem:
    """Name the groups too where a key of the top level is unknown: `experiment` is a group without a value."""
    if not problem.unknown or "." in problem.key:
        return problem
    keys = sorted({*(f.name for f in fields(RunConfig)), *groups})
    return replace(problem, message=f"unknown key; {one_of(problem.key, keys)}")


def _component(group: str, node: Any) -> tuple[Any, list[Problem]]:
    kind, arguments, problems = read_component(group, node)
    if kind is None or problems:
        return None, problems
    try:
        return kind(**arguments), []
    except (AlrunError, ValueError, TypeError) as error:
        return None, [Problem("", str(error))]


def _filters(node: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    from alrun.filters import FilterError, parse

    try:
        return parse(node), []
    except FilterError as error:
        return None, [Problem(fault.path, fault.message) for fault in error.faults]


def _shown(given: Any) -> str:
    text = given if isinstance(given, str) else json.dumps(given, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
