"""The run's config as types: what may be set, of which type, in which range."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen

import alrun
from alrun.config.strict import Problem, lacks, locate, read
from alrun.errors import AlrunError, name_of, raised_in
from alrun.files import digest as digest_of

Action = Literal[
    "run", "plan", "resume", "restore", "status", "score", "train", "compare", "doctor", "track", "import_filter"
]
ABOUT_A_RUN: frozenset[str] = frozenset({"resume", "restore", "status", "track"})
"""Actions that take `run` or `run_id`: they are about an earlier run."""

Node = Any
"""A component's part of the config: `_target_` and its parameters; `read_component` reads it."""

KINDS: Mapping[str, str] = {
    "platform": "alrun.platform.port.ProjectSource",
    "dataset": "alrun.datasets.base.Dataset",
    "metrics": "alrun.metrics.base.Metric",
    "embedding": "alrun.embeddings.base.Embedding",
    "model": "alrun.models.base.Model",
    "strategy": "alrun.strategies.base.Strategy",
    "recipe": "alrun.recipe.base.Recipe",
    "annotator": "alrun.annotators.base.Annotator",
    "cost": "alrun.costs.base.Cost",
    "stop": "alrun.stopping.base.StoppingRule",
    "launcher": "alrun.launchers.base.Launcher",
    "compute": "alrun.compute.base.Compute",
    "tracking": "alrun.tracking.base.Tracker",
}
"""The protocol that each group's components implement; names, so that asking for help imports none of them."""

ALSO: Mapping[str, str] = {"model": "alrun.models.imported.ImportedModel"}
"""The other protocol that a group's components may implement."""

OPTIONAL: frozenset[str] = frozenset({"model", "tracking"})
"""Groups of which a config may have none."""

LISTS: frozenset[str] = frozenset({"metrics", "stop"})
"""Groups of which a config has any number, by name."""

PUBLISHABLE: Mapping[str, str] = {"score": "strategy", "predicted": "model", "confidence": "model"}
"""What can be published beside metrics, and what computes it."""

OPERATIONAL: Mapping[str, str] = {
    "action": "plan, run and resume of one config are the same run at different moments",
    "run": "names an earlier run",
    "run_id": "names an earlier run",
    "approve": "says who agrees to the plan, not what it is",
    "wait": "says whether the process stays while people label",
    "cache": "a cache changes how long a run takes, not what comes out",
    "report": "says what is shown of the results",
    "runs": "names finished sweeps",
    "preset": "names a filter preset that is imported, which is not part of a run",
    "compare": "says how results are compared",
    "doctor": "says what the doctor asks, which is not part of a run",
    "restore": "says what becomes of tasks once the files of their run are lost",
    "launcher": "says where the jobs of a sweep run, not what comes out",
    "compute": "says where images are embedded and predicted, not what comes out",
    "tracking": "says where copies of the results are kept",
    "sweep": "says what is run beside the jobs of a sweep",
    "platform.cache": "a cache changes how long a run takes, not what comes out",
    "platform.key_file": "a key may be moved, or renewed, while a run waits for people",
    "platform.threads": "says how many images are downloaded at once",
}
"""Keys that do not enter the digest, dotted below the top level, each with the reason."""


@dataclass(frozen=True)
class RestoreWhen:
    """See `alrun.run.job.RestoreWhen`; the deadline as written."""

    labelled: Annotated[float, Gt(0), Le(1)] = 1.0
    deadline: str | None = None


@dataclass(frozen=True)
class Initial:
    """What a run on an unlabelled project begins with."""

    strategy: Node
    size: Annotated[int, Ge(1)] | None = None


@dataclass(frozen=True)
class Report:
    """What the report shows."""

    thumbnails: Annotated[int, Ge(0)] = 60


@dataclass(frozen=True)
class Publish:
    """See `alrun.run.job.Publish`."""

    metadata: tuple[str, ...] = ()
    prefix: str = "alrun."
    prelabel: Annotated[float, Ge(0), Le(1)] | None = None


@dataclass(frozen=True)
class Sweep:
    """What a sweep runs beside its jobs."""

    full_data: bool = True


@dataclass(frozen=True)
class Compare:
    """What is compared, and over what: at the end of a sweep, and with action=compare."""

    figure: Literal["accuracy", "macro_f1", "log_loss", "calibration_error"] = "accuracy"
    x: Literal["labelled", "spent"] = "labelled"


@dataclass(frozen=True)
class Doctor:
    """What the doctor does beyond looking."""

    scratch_project: Annotated[str, MinLen(1)] | None = None


@dataclass(frozen=True)
class Restore:
    """What becomes of tasks of which nobody can tell whether they were finished while they were parked."""

    labelled: Literal["ask", "reopen", "leave"] = "ask"


@dataclass(frozen=True)
class RunConfig:
    """The whole config of one run. `conf/config.yaml` says what each key means."""

    platform: Node
    dataset: Node
    filters: Mapping[str, Any]
    embedding: Node
    strategy: Node
    initial: Initial
    recipe: Node
    annotator: Node
    cost: Node
    model: Node = None
    metrics: Mapping[str, Node] = field(default_factory=dict)
    stop: Mapping[str, Node] = field(default_factory=dict)
    name: Annotated[str, MinLen(1)] = "alrun"
    action: Action = "run"
    run: Annotated[str, MinLen(1)] | None = None
    run_id: Annotated[str, MinLen(1)] | None = None
    runs: Annotated[str, MinLen(1)] | Annotated[tuple[Annotated[str, MinLen(1)], ...], MinLen(1)] | None = None
    preset: Annotated[str, MinLen(1)] | None = None
    budget: Annotated[int, Ge(1)] = 500
    rounds: Annotated[int, Ge(1)] = 1
    seed: Annotated[int, Ge(0)] = 0
    threads: Annotated[int, Ge(1)] = 1
    approve: Literal["auto", "prompt"] = "auto"
    wait: bool = False
    restore_when: RestoreWhen = field(default_factory=RestoreWhen)
    report: Report = field(default_factory=Report)
    doctor: Doctor = field(default_factory=Doctor)
    restore: Restore = field(default_factory=Restore)
    publish: Publish = field(default_factory=Publish)
    sweep: Sweep = field(default_factory=Sweep)
    compare: Compare = field(default_factory=Compare)
    launcher: Node = field(default_factory=lambda: {"_target_": "alrun.launchers.basic.Basic"})
    compute: Node = field(default_factory=lambda: {"_target_": "alrun.compute.local.Local", "images": 512})
    tracking: Node = None
    cache: Annotated[str, MinLen(1)] | None = None


def components(content: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the key, the group and the node of every component in a resolved config; absent ones are left out."""
    for group in KINDS:
        node = content.get(group)
        if group in LISTS:
            if isinstance(node, Mapping):
                yield from ((f"{group}.{name}", group, item) for name, item in node.items())
        elif group in content and (node is not None or group not in OPTIONAL):
            yield group, group, node
    initial = content.get("initial")
    if isinstance(initial, Mapping) and "strategy" in initial:
        yield "initial.strategy", "strategy", initial["strategy"]


NO_COMPONENT = "must be a component: `_target_`, the path of its class, and its parameters"

Make = Callable[[str, Any], tuple[Any, list[Problem]]]
"""Makes a component of a group from its node; None, and the problems, if it has any."""


def make_component(group: str, node: Any) -> tuple[Any, list[Problem]]:
    """Make a component, and those in it, to look at what it says of itself; see :data:`Make`."""
    kind, arguments, problems = read_component(group, node)
    if kind is None or problems:
        return None, problems
    try:
        return kind(**arguments), []
    except (AlrunError, ValueError, TypeError) as error:
        return None, [Problem("", str(error))]


def read_component(group: str, node: Any, make: Make = make_component) -> tuple[Any, dict[str, Any], list[Problem]]:
    """Return the class that a node names, the arguments it gives, and every problem; None for no usable class.

    A parameter that is a strategy or a model itself, or a mapping to such, is made by `make`.
    """
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        return (
            None,
            {},
            [Problem("", NO_COMPONENT, node)],
        )
    target = node["_target_"]
    try:
        kind = locate(target)
    except (ImportError, SyntaxError) as error:
        return None, {}, [Problem("_target_", f"cannot be imported: {error}", target)]
    except Exception as error:  # noqa: BLE001 -- importing a third party's module may raise anything
        return None, {}, [Problem("_target_", f"cannot be imported: {error!r} in {raised_in(error)}", target)]
    if not isinstance(kind, type):
        return None, {}, [Problem("_target_", f"is a {type(kind).__name__}, must be a class", target)]
    protocol, lacking = min(((p, lacks(kind, p)) for p in protocols(group)), key=lambda pair: len(pair[1]))
    if lacking:
        path = f"{protocol.__module__}.{protocol.__name__}"
        message = f"is no {protocol.__name__} ({path}): it has no {', '.join(lacking)}"
        return None, {}, [Problem("_target_", message, target)]
    given = {key: value for key, value in node.items() if key != "_target_"}
    readers = {locate(KINDS[part]): partial(make, part) for part in ("strategy", "model")}
    arguments, problems = read(kind, given, f"{name_of(kind)} has no such parameter", readers)
    return kind, arguments, problems


def protocols(group: str) -> tuple[type, ...]:
    """Return the protocols of which a group's components implement one."""
    return tuple(locate(kinds[group]) for kinds in (KINDS, ALSO) if group in kinds)


def digest(content: Mapping[str, Any]) -> str:
    """Return the identity of what a resolved config computes: all of it but `OPERATIONAL`."""
    return digest_of(without(content, OPERATIONAL))


def without(content: Mapping[str, Any], keys: Collection[str], parent: str = "") -> dict[str, Any]:
    """Return `content` without `keys`, which are dotted below the top level."""
    return {
        key: without(value, keys, f"{parent}{key}.") if isinstance(value, Mapping) else value
        for key, value in content.items()
        if f"{parent}{key}" not in keys
    }


def folder_of(name: Literal["conf", "experiments"]) -> Path:
    """Return where `conf` or `experiments` is: inside the installed package, or beside it in a checkout."""
    package = Path(alrun.__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_deadline(text: str) -> timedelta | datetime:
    """Read a span such as ``36h`` or a moment such as ``2026-11-30T18:00``; without a zone it is local time.

    Raises
    ------
    ValueError
        If it is neither; the message says what is allowed.
    """
    span = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    try:
        if span is not None:
            return timedelta(**{_UNITS[span[2]]: float(span[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        message = "must be a span (90m, 36h, 2d, 1w) or an ISO 8601 moment (2026-11-30T18:00)"
        raise ValueError(message) from None
