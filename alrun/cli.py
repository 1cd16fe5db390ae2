"""The command line: check first, then hand over to Hydra, then say how it ended."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, NamedTuple

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alrun.config.check import Verdict, check
from alrun.config.compose import CONFIG_NAME, VERSION_BASE, Composer
from alrun.config.frozen import check_free, job_about, keep_resolved
from alrun.config.overrides import Fault
from alrun.config.play import BUG, INTERRUPTED, ending, play_frozen, worst
from alrun.config.schema import digest, folder_of
from alrun.errors import AlrunError, ConfigError, StateError
from alrun.platform.keys import key_among
from alrun.terminal import TerminalHandler, command_for, flush, quoted, show

_COMPLETION = "(install|uninstall|query)=(bash|zsh|fish)"
_CONFIG = 2
_RAISE = "HYDRA_FULL_ERROR"
"""With this in the environment Hydra raises what goes wrong before and after a job, which then is told as any other."""

log = logging.getLogger(__name__)


def main() -> None:
    """Run the command line and end the process with the worst exit code of its jobs.

    A scheduler that ends it (SIGTERM) is told what Ctrl-C is told: how to go on.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = _run(sys.argv[1:])
    except BrokenPipeError:
        code = 0
    except KeyboardInterrupt:
        _say("interrupted")
        code = INTERRUPTED
    except OSError as error:
        _say(f"{error.filename or 'what it says'} cannot be written ({error.strerror})")
        code = StateError.exit_code
    sys.exit(_flushed(code))


def _flushed(code: int) -> int:
    """Write what is in the buffers; return the exit code, another one if an answer cannot be written."""
    lost = flush(sys.stdout)
    if lost is not None:
        _say(f"what was asked for cannot be written to the standard output ({lost.strerror})")
        code = code or StateError.exit_code
    flush(sys.stderr)
    return code


def _run(arguments: list[str]) -> int:
    key = key_among(arguments)  # before anything that repeats what it was given: argparse, Hydra, the faults
    if key:
        return _say(key)
    parser = get_args_parser()
    parser.prog = "alrun"
    args = parser.parse_args(arguments)
    shows = [flag for flag in ("help", "hydra_help", "cfg", "info", "shell_completion") if getattr(args, flag)]
    wrong = _wrong_flags(args, shows)
    if wrong:
        return _say(wrong)
    if args.hydra_help or args.shell_completion:
        return _show(arguments)
    try:
        composer = Composer(args.config_dir, args.config_path, args.config_name)
        verdict = check(args.overrides, composer, multirun=args.multirun, values=not shows)
    except ConfigError as error:
        return _say(str(error))
    if verdict.faults:
        return _say(_listed(verdict.faults))
    if shows:
        return _show(arguments)
    if verdict.sweep:
        return _sweep(verdict, arguments)
    if _only_looks(verdict.jobs[0].content) and not any(text.startswith("hydra.run.dir=") for text in args.overrides):
        return _look(arguments)
    in_place = _in_place(args.overrides, verdict.jobs[0].content["run"])
    taken = None if in_place else _taken(verdict)
    if taken:
        log.error("%s", taken)
        return taken.exit_code
    return _hydra([*arguments, *(in_place.overrides if in_place else ())])


def _wrong_flags(args: Any, shows: Sequence[str]) -> str:
    """Return what is wrong with a combination of flags that Hydra would answer with a traceback."""
    exclusive = [f"--{flag}" for flag in ("cfg", "info", "run", "multirun") if getattr(args, flag)]
    if len(exclusive) > 1 and not args.help:
        return f"{' and '.join(exclusive)} do not go together: --cfg and --info show one job, without -m and --run"
    if args.resolve and not {"cfg", "help"} & set(shows):
        return "--resolve goes with --cfg or --help only"
    if args.experimental_rerun is not None:
        return "--experimental-rerun reads a pickle, which runs what is in it: use action=resume run=FOLDER"
    if args.shell_completion and not re.fullmatch(_COMPLETION, " ".join(args.overrides)):
        return "-sc takes install=SHELL, uninstall=SHELL or query=SHELL; allowed: bash, zsh, fish"
    return ""


def _show(arguments: list[str]) -> int:
    """Let Hydra print something; a closed pipe, as of `--cfg job | head`, ends that quietly."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _hydra(arguments)


class InPlace(NamedTuple):
    """The folder of an earlier run, and the overrides that let Hydra continue there and leave its config as it is."""

    folder: str
    overrides: tuple[str, ...]


def _in_place(overrides: Sequence[str], run: str) -> InPlace | None:
    given = {text.partition("=")[0] for text in overrides}
    if "run" not in given or "hydra.run.dir" in given:
        return None
    folder = str(Path(run).absolute())
    return InPlace(folder, _in(folder))


def _in(folder: str) -> tuple[str, str]:
    """Return the overrides that let Hydra work in a folder without writing a config into it."""
    return f"hydra.run.dir={quoted(folder)}", "hydra.output_subdir=null"


def _taken(verdict: Verdict) -> StateError | None:
    """Return what to say if Hydra would write over the config of a run in the run folder that is another's."""
    try:
        folder = Path(str(OmegaConf.select(verdict.base.config or OmegaConf.create(), "hydra.run.dir"))).absolute()
        check_free(folder, digest(verdict.jobs[0].content))
    except OmegaConfBaseException:  # Hydra says so itself
        return None
    except StateError as error:
        return error
    return None


def _only_looks(content: Mapping[str, Any]) -> bool:
    """Return whether an action answers on the terminal, and leaves nothing that is worth a folder."""
    return content["action"] == "status" or (
        content["action"] == "doctor" and content["doctor"]["scratch_project"] is None
    )


def _look(arguments: list[str]) -> int:
    """Let Hydra run an action that only looks, in a folder for its time; one in which a bug showed stays."""
    folder = mkdtemp(prefix="alrun-")
    code = _hydra([*arguments, *_in(folder)])
    if code != BUG:
        rmtree(folder, ignore_errors=True)
    return code


def _sweep(verdict: Verdict, arguments: Sequence[str]) -> int:
    """Freeze the jobs of a sweep, play those that are missing, and return the worst of their exit codes."""
    from alrun.config.build import component
    from alrun.config.sweep import plan_sweep
    from alrun.run.sweeps.sweep import alone, play_missing
    from alrun.run.sweeps.tracking import tracked_sweep

    logging.basicConfig(level=logging.INFO, handlers=[TerminalHandler()], force=True)
    try:
        plan = plan_sweep(verdict.jobs, verdict.base, arguments)
        launcher = component("launcher", plan.jobs[0].content["launcher"])
        tracking = plan.jobs[0].content["tracking"]
        tracker = None if tracking is None else component("tracking", tracking)
        with alone(plan.folder):
            plan.freeze()
            with tracked_sweep(plan.folder, plan.record, launcher, tracker) as played_by:
                return worst(play_missing(plan.folder, plan.record, played_by, play_frozen, plan.threads))
    except AlrunError as error:
        log.error("alrun: %s", error)  # noqa: TRY400 -- the message is all that the user needs
        return error.exit_code


def _hydra(arguments: list[str]) -> int:
    """Let Hydra do what the arguments say; return the exit code of its job, if it runs one."""
    codes: list[int] = []
    before, shown = sys.argv, os.environ.get(_RAISE)
    sys.argv = [before[0], *arguments]
    os.environ[_RAISE] = "1"
    try:
        run = hydra.main(version_base=VERSION_BASE, config_path=str(folder_of("conf")), config_name=CONFIG_NAME)
        run(lambda cfg: codes.append(task(cfg)))()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BrokenPipeError:
        raise
    except Exception as error:
        message = _refusal(error)
        if message is None:
            raise
        return _say(message)
    finally:
        sys.argv = before
        os.environ.pop(_RAISE)
        if shown is not None:
            os.environ[_RAISE] = shown
    return worst(codes)


def _refusal(error: Exception) -> str | None:
    """Return what to say if Hydra starts no job; None for a bug."""
    chain = [error, error.__cause__ or error.__context__]
    unwritable = next((one for one in chain if isinstance(one, OSError) and one.filename), None)
    if unwritable is not None:
        return (
            f"{unwritable.filename} cannot be made or written ({unwritable.strerror}), and a run keeps its record in "
            "its folder: nothing was started. Make it writable, or choose another folder, hydra.run.dir=FOLDER"
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        said = " ".join(dict.fromkeys(str(one).strip().partition("\n")[0] for one in chain if one is not None))
        return f"{said}: nothing was started. `--cfg all` shows the config with Hydra's own part"
    return None


def task(cfg: DictConfig) -> int:
    """Run one job; every way it can end becomes an exit code."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    looks = _only_looks(cfg)
    if not looks:
        log.info("run folder: %s", folder)
    try:
        return ending(lambda: _act(cfg, folder), folder).code
    except KeyboardInterrupt:
        begun = (folder / "run.json").exists() and not looks
        how = f"to finish it: {command_for('resume', folder)}" if begun else "nothing had begun"
        log.error("interrupted; %s", how)  # noqa: TRY400
        return INTERRUPTED


def _act(cfg: DictConfig, folder: Path) -> int:
    from alrun.config.build import build
    from alrun.run.actions import ACTIONS

    content: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if content["run"] is None:
        keep_resolved(folder, content)
        job = build(content, folder, sys.argv)
    else:
        job = job_about(Path(content["run"]).absolute(), content, _given(), sys.argv)
    return int(ACTIONS[job.action](job))


def _given() -> set[str]:
    """Return the top-level keys that the command line sets: all else is as it was when the run began."""
    keys = (text.partition("=")[0].lstrip("+~") for text in HydraConfig.get().overrides.task)
    return {key.partition(".")[0] for key in keys}


def _listed(faults: Sequence[Fault]) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"{count} in the config, nothing was started", *(str(fault) for fault in faults)])


def _say(message: str) -> int:
    show(f"alrun: {message}", sys.stderr)
    return _CONFIG
