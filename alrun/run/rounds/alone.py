"""One unfinished run a project: what the platform says of others, and of this one if its files are gone."""

from __future__ import annotations

from alrun.errors import StateError
from alrun.platform.retry import patiently
from alrun.pool.tags import read_mirror_tag
from alrun.recipe.unfinished import unfinished
from alrun.run.session import Session


def refuse_unfinished(session: Session, *, others: bool = True, ours: bool = True) -> None:
    """Refuse to go on while the platform still holds what a run has moved.

    Parameters
    ----------
    others
        Look for what other runs have moved: one run at a time.
    ours
        Look for what this run has moved, where it should not have begun or should be over.

    Raises
    ------
    StateError
        If there is any; it names the run and how to end it.
    """
    for found in unfinished(session.platform, session.patience):
        rescue = f"bring its tasks back with `action=restore run_id={found.run_id}` and the same platform settings"
        if others and found.run_id != session.folder.run_id:
            finish = "finish it with `action=resume run=FOLDER` where its folder is"
            raise StateError(f"{found}. One run at a time: {finish}, or {rescue}")
        if ours and found.run_id == session.folder.run_id:
            raise StateError(
                f"{found}, but the plan or the journal of that is not in {session.folder.path} any more. Put the files "
                f"back, or {rescue}"
            )


def others_begun(session: Session, number: int) -> list[str]:
    """Return what else has begun, by the tags that are on the platform now: the quickest look at who else is there.

    Other runs; and other rounds than `number` of this one: its folder is a copy then that was left behind.
    """
    names = patiently(session.patience, session.platform.tag_names)
    mirrors = [mirror for name in sorted(names) if (mirror := read_mirror_tag(name)) is not None]
    others: dict[str, None] = {}
    for mirror in mirrors:
        if mirror.run_id != session.folder.run_id:
            others[f"run {mirror.run_id}"] = None
        elif mirror.round not in {number, None}:
            others[f"round {mirror.round} of this run, of which {session.folder.path} is an older copy,"] = None
    return list(others)
