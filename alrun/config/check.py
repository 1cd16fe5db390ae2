"""Every fault of a command line and its config at once, before anything runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from hydra.types import RunMode
from omegaconf import OmegaConf

from alrun.config.compose import Composer, Composition
from alrun.config.hints import clashes, with_hint
from alrun.config.overrides import COMMAND_LINE, Fault, Setting, setting
from alrun.config.rules import Parts, broken_rules
from alrun.config.schema import RunConfig, components, make_component
from alrun.config.strict import Problem, read
from alrun.errors import ConfigError, one_of
from alrun.terminal import quoted, typed

HYDRAS_OWN = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweep.subdir")
"""Hydra's way to start jobs, which composes each when it starts, and of which one failed job hides the others."""


@dataclass(frozen=True)
class Checked:
    """One job: its resolved config without Hydra's part, its overrides, and the value of each swept key."""

    content: Mapping[str, Any]
    overrides: tuple[str, ...]
    swept: Mapping[str, str]


@dataclass(frozen=True)
class Verdict:
    """What the check found.

    Attributes
    ----------
    sweep
        Whether the command line means several jobs.
    jobs
        All of them, in the order of the sweep; empty if the values were not looked at.
    base
        The config without anything swept.
    """

    faults: list[Fault]
    sweep: bool
    jobs: tuple[Checked, ...]
    base: Composition


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
    unread = {fault.key.partition("=")[0] for fault in faults}
    master = Composition(composer, [item for item in settings if not item.parsed.is_sweep_override()])
    planned, found = _planned_sweep(master, composer)
    faults.extend(found)
    sweep = bool(multirun or planned or (master.config is not None and master.config.hydra.mode == RunMode.MULTIRUN))
    faults.extend(_sweep_faults(settings, sweep=sweep))
    jobs: list[Checked] = []
    for job, swept in _jobs([*planned, *settings] if sweep else settings, master, composer):
        content, found = _job_faults(job, composer, planned=bool(planned), values=values)
        faults.extend(fault for fault in found if fault.key not in unread)
        if values:
            jobs.append(Checked(content, tuple(item.text for item in job.settings), swept))
    return Verdict(list(dict.fromkeys(faults)), sweep, tuple(jobs), master)


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


def _sweep_faults(settings: Iterable[Setting], *, sweep: bool) -> Iterator[Fault]:
    given = Counter(item.parsed.get_key_element() for item in settings)
    for item in settings:
        if item.parsed.is_sweep_override() and given[item.parsed.get_key_element()] > 1:
            yield item.fault("is given more than once, and only the last would count: give all values at once")
        elif sweep and item.key.startswith(HYDRAS_OWN):
            yield item.fault("alrun starts the jobs of a sweep itself: choose where with launcher=NAME")
        elif sweep and item.key == "runs":
            yield item.fault("names finished sweeps: compare them without -m")
        elif sweep and item.key == "preset":
            yield item.fault("names a filter preset: import it without -m")
        elif sweep and item.key in {"run", "run_id"}:
            yield item.fault("names one earlier run: act on one at a time, without -m")
        elif not item.parsed.is_sweep_override():
            if sweep and item.key == "platform.path" and item.parsed.value() is not None:
                yield item.fault(
                    "the jobs of a sweep would work on one project, each on what the ones before it labelled: leave it "
                    "out, and every job gets a fresh project"
                )
        elif item.key.partition(".")[0] in {"launcher", "compute", "tracking"}:
            yield item.fault("is one for all jobs of a sweep: choose one")
        elif item.parsed.is_hydra_override():
            yield item.fault("Hydra's own keys cannot be swept")
        elif not sweep:
            text = typed(f"{item.parsed.get_key_element()}={quoted(item.text.partition('=')[2])}")
            yield item.fault(
                f"several values: add -m to sweep over them; a list is [a,b], and for one text write {text}"
            )
        elif item.parsed.is_interval_sweep():
            yield item.fault("a sweep takes lists, range(...) and choice(...), no interval")
        elif not item.values():
            yield item.fault("matches no choice")


def _jobs(
    settings: Sequence[Setting], master: Composition, composer: Composer
) -> Iterator[tuple[Composition, dict[str, str]]]:
    """Compose every job of a sweep, in its order; yields with each the value of every swept key.

    Only jobs that differ in a choice are composed anew.
    """
    choices: dict[str, list[Setting]] = {}
    swept: dict[str, str] = {}
    for item in settings:
        element = item.parsed.get_key_element()
        several = item.parsed.is_sweep_override()
        usable = (
            [] if several and (item.parsed.is_interval_sweep() or item.parsed.is_hydra_override()) else item.values()
        )
        if usable:
            choices[element] = usable
            swept.pop(element, None)
            if several:
                swept[element] = item.key
    base = [values[0] for values in choices.values()]
    groups = {element for element in choices if composer.options(choices[element][0].parsed.key_or_group, base)}
    composed: dict[tuple[str, ...], Composition] = {} if base != master.settings else {_among(groups, base): master}
    for job in product(*choices.values()):
        chosen = _among(groups, job)
        if chosen not in composed:
            composed[chosen] = Composition(composer, job)
        origin = composed[chosen]
        changes = [new for new, old in zip(job, origin.settings, strict=True) if new != old]
        values = {swept[e]: item.text.partition("=")[2] for e, item in zip(choices, job, strict=True) if e in swept}
        yield (origin.changed(job, changes) if changes else origin), values


def _among(elements: Collection[str], job: Iterable[Setting]) -> tuple[str, ...]:
    return tuple(item.text for item in job if item.parsed.get_key_element() in elements)


def _job_faults(
    composition: Composition, composer: Composer, *, planned: bool, values: bool
) -> tuple[dict[str, Any], list[Fault]]:
    """Return the resolved config of a job, as far as it was looked at, and what is wrong with it."""
    faults = list(composition.faults)
    content: dict[str, Any] = {}
    if composition.config is not None and (values or composition.refusal is not None):
        content, unresolved = composition.plain()
        faults.extend(unresolved)
        if not planned and _planned_sweep(composition, composer)[0]:
            faults.extend(
                i.fault("is a sweep itself: start it alone") for i in composition.settings if i.key == "experiment"
            )
        metrics = composer.options("metrics", composition.settings)
        overrides = [item.key for item in composition.settings if not item.parsed.is_hydra_override()]
        clashing = dict(clashes(composition, composer))
        faults.extend(clashing.values())
        known = [*composition.dropped, *(fault.key for fault in unresolved), *clashing]
        faults.extend(
            with_hint(_fault(problem, composition), problem, composition, composer)
            for problem in _problems(content, overrides, known, composer.groups(), metrics)
            if not any(problem.key == key or problem.key.startswith(f"{key}.") for key in known)
        )
    if not faults and composition.refusal is not None:
        faults.append(composition.refusal)
    return content, faults


def _fault(problem: Problem, composition: Composition) -> Fault:
    given = None if problem.missing or problem.given is None else _shown(problem.given)
    return Fault(problem.key, given, problem.message, composition.origin(problem.key))


def _problems(
    content: Mapping[str, Any],
    overrides: Sequence[str],
    known: Sequence[str],
    groups: Sequence[str],
    metrics: Sequence[str],
) -> list[Problem]:
    arguments, problems = read(RunConfig, content)
    problems = [_with_groups(problem, groups) for problem in problems]
    built: dict[str, Any] = {}
    for key, group, node in components(content):
        if not any(key == k or k.startswith(f"{key}.") or key.startswith(f"{k}.") for k in known):
            component, found = make_component(group, node)
            problems.extend(problem.below(key) for problem in found)
            built[key] = component
    if isinstance(content.get("filters"), Mapping):
        built["filters"], found = _filters(content["filters"])
        problems.extend(found)
    faulty = {problem.key.partition(".")[0] for problem in problems}
    sound = {key: value for key, value in arguments.items() if key not in faulty and key not in known}
    parts = Parts(content, sound, {key: made for key, made in built.items() if made is not None}, overrides, metrics)
    return problems + broken_rules(parts)


def _with_groups(problem: Problem, groups: Sequence[str]) -> Problem:
    """Name the groups too where a key of the top level is unknown: `experiment` is a group without a value."""
    if not problem.unknown or "." in problem.key:
        return problem
    keys = sorted({*(f.name for f in fields(RunConfig)), *groups})
    return replace(problem, message=f"unknown key; {one_of(problem.key, keys)}")


def _filters(node: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    from alrun.filters import FilterError, parse

    try:
        return parse(node), []
    except FilterError as error:
        return None, [Problem(fault.path, fault.message) for fault in error.faults]


def _shown(given: Any) -> str:
    text = given if isinstance(given, str) else json.dumps(given, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
