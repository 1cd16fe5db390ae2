"""From the checked jobs of a command line to a sweep: what each job is called, and the folder they are frozen in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from alrun.config.build import component
from alrun.config.check import Checked
from alrun.config.compose import Composition
from alrun.config.frozen import as_yaml
from alrun.config.reference import full_data
from alrun.config.schema import OPERATIONAL, digest, without
from alrun.datasets.importer import Identity, identity
from alrun.errors import DataError, name_of_target
from alrun.files import cache_folder, write_text
from alrun.files import digest as digest_of
from alrun.filters import parse
from alrun.platform.local import LocalProject
from alrun.run.folder import code_version, command_line
from alrun.run.sweep_record import PlannedJob, SweepRecord

NOT_A_SETTING = {*OPERATIONAL, "strategy", "metrics", "seed", "name"}
"""What may differ between jobs that are compared, or paired."""

CHOICES = ("dataset", "embedding", "model", "strategy", "recipe", "annotator")


@dataclass(frozen=True)
class Frozen:
    """One job as it will be: its place among the sweep's, its resolved config and its overrides."""

    planned: PlannedJob
    content: Mapping[str, Any]
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A sweep before it starts."""

    folder: Path
    record: SweepRecord
    jobs: tuple[Frozen, ...]

    @property
    def threads(self) -> int:
        """How many threads a job may use: the most that any is configured to."""
        return max(int(job.content["threads"]) for job in self.jobs)

    def freeze(self) -> None:
        """Write every job's config into its folder, and what the sweep means into its own."""
        cwd = str(Path.cwd())
        for job in self.jobs:
            folder = self.folder / job.planned.folder
            (folder / ".hydra").mkdir(parents=True, exist_ok=True)
            hydra = {"runtime": {"cwd": cwd, "output_dir": str(folder)}, "job": {"num": job.planned.number}}
            for name, content in (("hydra", {"hydra": hydra}), ("overrides", list(job.overrides))):
                write_text(folder / ".hydra" / f"{name}.yaml", OmegaConf.to_yaml(OmegaConf.create(content)))
            write_text(folder / ".hydra" / "config.yaml", as_yaml(job.content))
        self.record.save(self.folder)


def plan_sweep(jobs: Sequence[Checked], base: Composition, arguments: Sequence[str]) -> Plan:
    """Name the jobs of a sweep, and its folder. Datasets that the jobs simulate on are imported here, once.

    Jobs that compute the same are one, also if they differ in a metric that neither chooses by. Each is given a
    reference that labels everything, unless the config says `sweep.full_data=false`.

    Parameters
    ----------
    base
        The config without anything swept.
    arguments
        The command line without the program.
    """
    naming = _Naming()
    frozen: dict[str, Frozen] = {}
    places: set[tuple[Any, ...]] = set()
    references: dict[str, tuple[Checked, dict[str, Any]]] = {}
    for checked in jobs:
        job, facts = naming.job_id(checked.content), naming.facts(checked.content, checked.swept)
        place = facts["setting"], facts["arm"], facts["seed"], digest(checked.content["strategy"])
        if job in frozen or place in places:
            continue
        places.add(place)
        content = full_data(checked.content, naming.data(checked.content))
        reference = None if content is None else naming.job_id(content)
        if content is not None and reference is not None:
            references.setdefault(reference, (checked, content))
        planned = PlannedJob(job, len(frozen), "job", f"jobs/{job}", checked.swept, facts, reference)
        frozen[job] = Frozen(planned, checked.content, checked.overrides)
    for job, (checked, content) in references.items():
        if job not in frozen:
            facts = {**naming.facts(content, checked.swept), "arm": "full_data"}
            planned = PlannedJob(job, len(frozen), "full_data", f"jobs/{job}", {}, facts)
            frozen[job] = Frozen(planned, content, checked.overrides)
    content, _ = base.plain()
    record = SweepRecord(
        name=_name(base, content),
        command=command_line(tuple(arguments)),
        launcher=_choice(content["launcher"]),
        jobs=tuple(job.planned for job in frozen.values()),
        started_at=datetime.now(UTC).isoformat(),
        code=code_version(),
    )
    return Plan(_folder(record.name, jobs[0].swept, base, content), record, tuple(frozen.values()))


class _Naming:
    """The names of jobs; remembers the data."""

    def __init__(self) -> None:
        self._data: dict[str, Identity | None] = {}

    def data(self, content: Mapping[str, Any]) -> Identity | None:
        """Return what a job simulates on.

        None for a project that exists outside of the job, and for a dataset that cannot be imported: the job will
        say why.
        """
        platform = component("platform", content["platform"])
        if not isinstance(platform, LocalProject) or platform.path is not None:
            return None
        key = digest_of([content["dataset"], content["cache"]])
        if key not in self._data:
            try:
                self._data[key] = identity(component("dataset", content["dataset"]), cache_folder(content["cache"]))
            except DataError:
                self._data[key] = None
        return self._data[key]

    def job_id(self, content: Mapping[str, Any]) -> str:
        return digest_of([digest(content), content["action"], self._digest(content)])[:16]

    def facts(self, content: Mapping[str, Any], swept: Mapping[str, str]) -> dict[str, Any]:
        """Return the columns of sweep.parquet that a job's config decides."""
        strategy = component("strategy", content["strategy"])
        before = parse(content["filters"]).metrics | component("strategy", content["initial"]["strategy"]).metrics
        metrics = content.get("metrics", {})
        read = {name: node for name, node in metrics.items() if name in before}
        setting = [without(content, NOT_A_SETTING), self._digest(content), *([read] if read else [])]
        of_arm = {key: value for key, value in swept.items() if _of_arm(key, strategy.metrics - before)}
        others = {key: value for key, value in swept.items() if key not in of_arm and _of_setting(key, before)}
        arm = swept.get("strategy") or _choice(content["strategy"])
        chosen_by = [content["strategy"], {name: metrics[name] for name in strategy.metrics if name in metrics}]
        return {
            "arm": " ".join([arm, *(f"{key.partition('.')[2]}={value}" for key, value in of_arm.items())]),
            "strategy_digest": digest_of(chosen_by)[:16],
            "setting": digest_of(setting)[:16],
            "setting_label": " ".join(f"{key}={value}" for key, value in others.items()),
            "config_digest": digest(content),
            "data": self._digest(content),
            **{group: _choice(content[group]) for group in CHOICES},
            "initial_strategy": _choice(content["initial"]["strategy"]),
            **{key: content[key] for key in ("seed", "budget", "rounds")},
        }

    def _digest(self, content: Mapping[str, Any]) -> str | None:
        data = self.data(content)
        return None if data is None else data.digest


def _of_arm(key: str, metrics: Collection[str]) -> bool:
    """Return whether a swept key tells strategies apart: their own parts and parameters, and what they choose by."""
    group, _, parameter = key.partition(".")
    if group == "metrics":
        return parameter.partition(".")[0] in metrics
    return group in {"strategy", "strategy@strategy"} and bool(parameter)


def _of_setting(key: str, metrics: Collection[str]) -> bool:
    """Return whether a swept key tells settings apart; a metric does that the filters or the initial set read."""
    group, _, parameter = key.partition(".")
    return parameter.partition(".")[0] in metrics if group == "metrics" else key not in {"strategy", "seed"}


def _choice(node: Mapping[str, Any] | None) -> str:
    """Return the name by which people choose a component, as `alrun.run.job.choice` does."""
    return "none" if node is None else name_of_target(str(node["_target_"]))


def _name(base: Composition, content: Mapping[str, Any]) -> str:
    """Return what people call the sweep: its experiment, else its `name`."""
    assert base.config is not None
    return str(base.config.hydra.runtime.choices.get("experiment") or content["name"])


def _folder(name: str, swept: Mapping[str, str], base: Composition, content: Mapping[str, Any]) -> Path:
    """Return where the sweep is: the same for the same command, whichever values it gives to the swept keys."""
    assert base.config is not None
    plain_name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:60]
    identifier = digest_of([digest(content), content["action"], sorted(swept)])[:8]
    given = str(base.config.hydra.sweep.dir)
    return Path(given.replace("{name}", plain_name).replace("{digest}", identifier)).absolute()
