"""The config that is frozen in a run folder, and the job of an action that is about that run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from alrun.config.rules import WITH_A_RUN
from alrun.config.schema import RunConfig, digest
from alrun.errors import ConfigError, StateError
from alrun.files import write_text
from alrun.run.folder import damaged, of_another_config, run_id_in

if TYPE_CHECKING:
    from alrun.run.job import Job


_REFERENCE = re.compile(r"(\\*)\$\{")


def job_about(run: Path, content: Mapping[str, Any], given: Collection[str], command: Sequence[str]) -> Job:
    """Return the job of an action about the run in a folder, and change to the folder in which that was started.

    Parameters
    ----------
    content
        The config of the action, of which only what the command line sets counts, of what may be set.
    given
        The top-level keys that the command line sets.
    command
        As for :func:`alrun.config.build.build`.

    Raises
    ------
    StateError
        If the frozen config cannot be read, or is not one of this alrun.
    """
    from alrun.config.build import build

    kept = frozen(run, "config")
    changed = {key: content[key] for key in {"action", *given}.intersection(WITH_A_RUN)}
    agreed = changed.get("approve") == "auto" != kept["approve"]
    if agreed:
        del changed["approve"]
    go_where_it_began(run)
    try:
        return replace(build({**kept, **changed, "run": str(run)}, run, command), agreed=agreed)
    except ConfigError as error:
        raise StateError(
            f"{error}\nThat is the config frozen in {run}, and this alrun does not take it: finish the run with that "
            f"which began it, or bring its tasks back with `action=restore run_id={run_id_in(run) or 'ID'}`"
        ) from None


def frozen(run: Path, name: str) -> Any:
    """Read what was written into a run folder when the run began: its `config`, `hydra` or `overrides`.

    Raises
    ------
    StateError
        If it cannot be read, or is not whole.
    """
    path = run / ".hydra" / f"{name}.yaml"
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=name == "config")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise damaged(run, path, error) from None
    lacking = _lacking(content, name)
    if lacking:
        raise damaged(run, path, f"it has no {lacking}")
    return content


def keep_resolved(run: Path, content: Mapping[str, Any]) -> None:
    """Write the config that Hydra froze in a run folder without what it refers to, such as the environment.

    A run is resumed from other shells, and by cron.
    """
    path = run / ".hydra" / "config.yaml"
    if path.exists():  # an action that only looks leaves none
        write_text(path, as_yaml(content))


def as_yaml(content: Any) -> str:
    """Return plain data as YAML that OmegaConf reads as it is: with nothing in it that stands for something else.

    By OmegaConf's own writer: it quotes a text such as 1e3, which its reader would take for a number.
    """
    return OmegaConf.to_yaml(OmegaConf.create(_literal(content)))


def _literal(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _literal(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_literal(value) for value in content]
    return _REFERENCE.sub(r"\1\1\\${", content) if isinstance(content, str) else content


def check_free(folder: Path, given: str) -> None:
    """See that the config of digest `given` may be frozen in a folder: nothing but that is, or no run began there.

    Raises
    ------
    StateError
        If a run of another config began there, or one of which cannot be told.
    """
    record = folder / "run.json"
    try:
        if record.exists():
            found = json.loads(record.read_bytes())["config_digest"]
        elif run_id_in(folder) and (folder / ".hydra" / "config.yaml").exists():  # the record is lost, the run is not
            found = digest(frozen(folder, "config"))
        else:
            return
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise damaged(folder, record, error) from None
    if found != given:
        raise StateError(of_another_config(folder, found, given))


def _lacking(content: Any, name: str) -> str:
    """Return what is not there of a frozen file, as the rest of one that lost its end."""
    if name == "overrides":
        return "" if isinstance(content, list) else "list of overrides"
    needed = [f.name for f in fields(RunConfig) if f.default is MISSING and f.default_factory is MISSING]
    there = content if isinstance(content, dict) else {}
    return next((repr(key) for key in (needed if name == "config" else ["hydra"]) if key not in there), "")


def go_where_it_began(run: Path) -> None:
    """Change to the folder in which a run was started: relative paths in its config count from there.

    Raises
    ------
    StateError
        If that folder cannot be entered.
    """
    try:
        began = Path(frozen(run, "hydra")["hydra"]["runtime"]["cwd"])
    except (KeyError, TypeError):
        raise damaged(run, run / ".hydra" / "hydra.yaml", "it has no 'hydra.runtime.cwd'") from None
    try:
        os.chdir(began)
    except OSError as error:
        raise StateError(
            f"the run was started in {began}, which cannot be entered ({error.strerror}). Relative paths in its config "
            "count from there: put the folder back. Nothing was done"
        ) from None
