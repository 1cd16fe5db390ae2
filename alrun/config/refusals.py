"""What Hydra says of a config that it cannot compose, in words that tell what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf.errors import InterpolationResolutionError

from alrun.config.overrides import COMMAND_LINE, Fault, Setting
from alrun.errors import one_of

_LISTS = (
    "a group that takes a list is chosen in the file's `defaults` too: `defaults: [override /metrics: [blur]]`, not "
    "`metrics: [blur]`"
)
_FROM_THE_TOP = "in `defaults` a group is named from the top, with a slash: `override /{group}: CHOICE`"


def refusal(error: Exception, settings: Sequence[Setting], groups: Sequence[str], origin: str = COMMAND_LINE) -> Fault:
    """Return what Hydra says about the composition of `settings`, as one fault."""
    item = settings[0] if len(settings) == 1 else None
    key, given = ("config", None) if item is None else (item.key, item.text.partition("=")[2])
    return Fault(key, given, _message(error, item, groups), origin if item is None else item.origin)


def first_line(error: Exception) -> str:
    """Return what an error of Hydra or OmegaConf says, without what only its developers understand."""
    cause = error.__cause__
    lines = [line.strip() for e in (error, cause) if e is not None for line in str(e).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key:", "object_type=", "reference_type="))]
    said = " ".join(kept) or type(error).__name__
    if isinstance(error, InterpolationResolutionError):
        said += "; ${KEY} stands for the value of another key, ${oc.env:NAME,DEFAULT} for a variable of the environment"
    return said


def _message(error: Exception, item: Setting | None, groups: Sequence[str]) -> str:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing(error, error.missing_cfg_file)
    if isinstance(error, UnicodeDecodeError):
        return "its file is not valid UTF-8: save it in that encoding"
    given = None if item is None else item.text.partition("=")[2]
    if item is not None and item.key == "filters" and given is not None and given.startswith("{"):
        predicates = item.parsed.value()
        if isinstance(predicates, Mapping) and len(predicates) == 1 and "all" not in predicates:
            return f"on the command line a filter is a list of predicates that all must hold: 'filters.all=[{given}]'"
    said = first_line(error)
    prefixed = isinstance(error, ConfigCompositionException)
    if prefixed and item is not None and item.text.startswith("+") and not item.parsed.is_delete():
        return f"{said}. To choose it in place of what is there: {item.text.lstrip('+')}"
    advice = _advice(said, groups)
    return f"{said.rstrip('.')}: {advice}" if advice else said


def _missing(error: MissingConfigException, file: str) -> str:
    group, _, name = file.rpartition("/")
    if not group:
        return f"there is no config {name!r}: leave --config-name out, or put {name}.yaml into --config-dir"
    said = f"{group} has no choice {name!r}"
    if group.startswith("experiment/"):
        return f"{said}: {_FROM_THE_TOP.format(group=group.removeprefix('experiment/'))}"
    return f"{said}: {one_of(name, error.options or [])}"


def _advice(said: str, groups: Sequence[str]) -> str:
    """Return what to write in the YAML file of which Hydra says this; empty if that is not known."""
    if "Cannot merge DictConfig with ListConfig" in said:
        return _LISTS
    several = re.search(r"Multiple values for ([\w/@.]+)\.", said)
    if several is not None:
        return _FROM_THE_TOP.format(group=several[1])
    unknown = re.search(r"Could not override '(?:experiment/)?([\w/]+)[@\w.]*'", said)
    if unknown is None:
        return ""
    group = unknown[1]
    if group in groups:
        return _FROM_THE_TOP.format(group=group)
    return f"there is no group {group!r}; {one_of(group, groups)}"
