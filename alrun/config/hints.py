"""Faults that take two parts of a command line to understand: they say what to write in place of what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from alrun.config.compose import Composer, Composition
from alrun.config.overrides import Fault, Setting
from alrun.config.schema import LISTS, NO_COMPONENT
from alrun.config.strict import Problem
from alrun.errors import one_of

_ONE_OF = {"stop": "stopping rule", "metrics": "metric"}


def clashes(composition: Composition, composer: Composer) -> Iterator[tuple[str, Fault]]:
    """Yield each choice that nothing can come of: its key, and the fault.

    An experiment overrules it, because it names a class of its own; or there are several, and there can be one.
    """
    for item, package in _choices(composition, composer):
        given = item.parsed.value()
        if isinstance(given, list) and package not in LISTS:
            several = ",".join(map(str, given))
            yield package, item.fault(f"there can be only one: choose it, or sweep over them, -m {item.key}={several}")
            continue
        experiment = _experiment(composition, f"{package}._target_", item)
        if experiment is not None:
            target = _value(composition, f"{package}._target_")
            yield (
                package,
                item.fault(
                    f"experiment={experiment} names a class of its own, {package}._target_: {target}, which this does "
                    f"not replace: leave {item.text} out, or the experiment"
                ),
            )


def with_hint(fault: Fault, problem: Problem, composition: Composition, composer: Composer) -> Fault:
    """Return the fault that a problem is, saying what to write where more is known than the problem tells."""
    if problem.message == NO_COMPONENT and isinstance(problem.given, Mapping):
        return _without_choice(fault, composition, composer)
    if problem.message == NO_COMPONENT and fault.key.partition(".")[0] not in LISTS:
        groups = [g for g in composer.groups() if problem.given in composer.options(g, composition.settings)]
        if fault.key in groups:
            there = f"`defaults: [override /{fault.key}: {problem.given}]`"
            how = f"{fault.key}={problem.given} on the command line; in a YAML file {there}"
            return replace(fault, message=f"is chosen by its group: {how}")
        choices = " or ".join(f"{group}@{fault.key}={problem.given}" for group in groups)
        return replace(fault, message=f"is chosen by its group: {choices}") if groups else fault
    for item, package in _choices(composition, composer):
        if problem.key.startswith(f"{package}."):
            experiment = _experiment(composition, problem.key, item)
            if experiment is not None:
                other = "" if problem.unknown else f"give another value, {problem.key}=VALUE, or "
                message = (
                    f"{fault.message}. experiment={experiment} sets it for its own choice, and {item.text} was "
                    f"chosen instead: {other}take it away, '~{problem.key}'"
                )
                return replace(fault, message=message)
    return fault


def _without_choice(fault: Fault, composition: Composition, composer: Composer) -> Fault:
    """Return what to choose where parameters, or a choice that stands for nothing, took the place of a component."""
    group, _, name = fault.key.partition(".")
    if group in LISTS:
        nodes: Any = OmegaConf.to_container(composition.config, resolve=False)
        chosen = [key for key, node in nodes[group].items() if isinstance(node, Mapping) and "_target_" in node]
        options = composer.options(group, composition.settings)
        message = f"there is no {_ONE_OF[group]} {name!r}; {one_of(name, options)}"
        if name in options:
            message = (
                f"the {_ONE_OF[group]} {name!r} is not chosen. To choose it: {group}=[{','.join([*chosen, name])}]"
            )
        return replace(fault, message=message)
    for item, package in _choices(composition, composer):
        if package == fault.key:
            group, value = item.parsed.key_or_group, item.parsed.value()
            options = [option for option in composer.options(group, composition.settings) if option != value]
            return item.fault(f"a {group} is needed here; {one_of(str(value), options)}")
    return fault


def _choices(composition: Composition, composer: Composer) -> Iterator[tuple[Setting, str]]:
    """Yield each override that chooses of a group, and where its choice goes; the experiment itself left out."""
    for item in composition.settings:
        group = item.parsed.key_or_group
        if group != "experiment" and not item.parsed.is_delete() and composer.options(group, composition.settings):
            yield item, item.parsed.package or group.replace("/", ".")


def _experiment(composition: Composition, key: str, choice: Setting) -> str | None:
    """Return the name of the experiment if the value at `key` is its own; None otherwise."""
    name = _value(composition, "hydra.runtime.choices.experiment")
    file = Path(composition.origin(key))
    theirs = (
        file.suffix == ".yaml" and file.stem == Path(str(name)).name and file.parent.name != choice.parsed.key_or_group
    )
    return str(name) if theirs else None


def _value(composition: Composition, key: str) -> Any:
    return None if composition.config is None else OmegaConf.select(composition.config, key)
