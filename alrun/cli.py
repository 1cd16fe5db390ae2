"""The command line: check first, then hand over to Hydra, then say how it ended."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from alrun.config.check import check
from alrun.config.compose import CONFIG_NAME, VERSION_BASE, Composer
from alrun.config.overrides import Fault
from alrun.config.rules import WITH_A_RUN
from alrun.config.schema import folder_of
from alrun.errors import AlrunError, ConfigError, StateError
from alrun.files import append_line

EXIT_CODES = "ALRUN_EXIT_CODES"
"""The variable that names the file to which jobs add their exit codes, whichever process they run in."""

_COMPLETION = "(install|uninstall|query)=(bash|zsh|fish)"
_BUG, _CONFIG, _INTERRUPTED = 1, 2, 130

log = logging.getLogger(__name__)


def main() -> None:
    """Run the command line and end the process with the worst exit code of its jobs."""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
        code = 0
    except KeyboardInterrupt:
        print("alrun: interrupted; action=resume run=FOLDER finishes a run that had begun to write", file=sys.stderr)
        code = _INTERRUPTED
    sys.exit(code)


def _run(arguments: list[str]) -> int:
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
    if verdict.sweep and not args.multirun:
        arguments = ["-m", *arguments]
    in_place = _in_place(args.overrides)
    written = Path(in_place.folder) if in_place else Path.cwd()
    if not os.access(written, os.W_OK):
        return _say(f"{written} cannot be written to, and a run keeps its record there: nothing was started")
    return _jobs([*arguments, *(in_place.overrides if in_place else ())])


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


def _in_place(overrides: Sequence[str]) -> InPlace | None:
    given = dict(text.partition("=")[::2] for text in overrides)
    if "run" not in given or "hydra.run.dir" in given:
        return None
    folder = str(Path(given["run"].strip("'\"")).absolute())
    quoted = folder.replace("\\", "\\\\").replace("'", "\\'")
    return InPlace(folder, (f"hydra.run.dir='{quoted}'", "hydra.output_subdir=null"))


def _jobs(arguments: list[str]) -> int:
    """Let Hydra run one job or many; return the worst of their exit codes."""
    with tempfile.NamedTemporaryFile(prefix="alrun-", suffix=".codes") as file:
        os.environ[EXIT_CODES] = file.name
        try:
            ended = _hydra(arguments)
        finally:
            del os.environ[EXIT_CODES]
        codes = [int(line) for line in Path(file.name).read_text().split()]
    return _BUG if _BUG in codes else max([ended, *codes])


def _hydra(arguments: list[str]) -> int:
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        hydra.main(version_base=VERSION_BASE, config_path=str(folder_of("conf")), config_name=CONFIG_NAME)(task)()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0


def task(cfg: DictConfig) -> int:
    """Run one job; every way it can end becomes an exit code, so that a sweep goes on."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        code = _act(cfg, folder)
    except AlrunError as error:
        log.error("%s", error)  # noqa: TRY400 -- the message is all that the user needs
        code = error.exit_code
    except BrokenPipeError:
        _silence()
        log.error("the reader of the output is gone; action=resume run=%s finishes the run", folder)  # noqa: TRY400
        code = _INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        log.error("%s%s; action=resume run=%s finishes a run that had begun to write", where, error.strerror, folder)  # noqa: TRY400
        log.debug("where it happened", exc_info=True)
        code = StateError.exit_code
    except Exception as error:
        log.critical(
            "a bug in alrun or in a component: %r; the traceback is in %s/alrun.log", error, folder, exc_info=True
        )
        code = _BUG
    file = os.environ.get(EXIT_CODES)
    if file is not None:
        append_line(Path(file), str(code))
    return code


def _act(cfg: DictConfig, folder: Path) -> int:
    from alrun.config.build import build
    from alrun.run.actions import ACTIONS

    content: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if content["run"] is not None:
        run = Path(content["run"]).absolute()
        frozen = _frozen(run, "config")
        content = {**frozen, **{key: content[key] for key in WITH_A_RUN}, "run": str(run)}
        _go_where_it_began(run)
    job = build(content, folder, sys.argv)
    return int(ACTIONS[job.action](job))


def _frozen(run: Path, name: str) -> Any:
    """Read what Hydra wrote into a run folder when the run began."""
    path = run / ".hydra" / f"{name}.yaml"
    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=name == "config")
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        raise StateError(f"{path} cannot be read ({' '.join(str(error).split())}): nothing was done") from None


def _go_where_it_began(run: Path) -> None:
    """Change to the folder in which a run was started: relative paths in its config count from there."""
    began = Path(_frozen(run, "hydra")["hydra"]["runtime"]["cwd"])
    try:
        os.chdir(began)
    except OSError as error:
        raise StateError(
            f"the run was started in {began}, which cannot be entered ({error.strerror}). Relative paths in its config "
            "count from there: put the folder back. Nothing was done"
        ) from None


def _silence() -> None:
    """Send what is still in the output's buffer nowhere: its reader is gone, as in `alrun --help | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _listed(faults: Sequence[Fault]) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"{count} in the config, nothing was started", *(str(fault) for fault in faults)])


def _say(message: str) -> int:
    print(f"alrun: {message}", file=sys.stderr)
    return _CONFIG
