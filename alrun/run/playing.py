"""Plays the rounds of a run to the end, or until people have to act."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.errors import AlrunError, ConfigError, Waiting
from alrun.recipe.plan import Plan
from alrun.run.learning.training import Training, save, train
from alrun.run.publish import publish
from alrun.run.rounds.round import Round, first_round
from alrun.run.rounds.stopping import why_stop
from alrun.run.session import Session
from alrun.run.tracking import keep_up
from alrun.terminal import agreed, answers, command_for


def play_to_the_end(session: Session) -> None:
    """Play every round that is not over, then publish.

    Raises
    ------
    Waiting
        If people have to act first; what there is was published.
    """
    last = _Last()
    try:
        _play(session, last)
    except Waiting:
        _keep_model(session, last)
        stop(session, "waiting")
        raise
    except AlrunError as error:
        session.folder.update(status="failed", error=str(error))
        if isinstance(error, ConfigError) and session.job.run is not None:
            raise ConfigError(
                f"{error}\nThe config of a run is frozen: make the project fit it again, or end the run with "
                f"{command_for('restore', session.folder.path)} and start a new one"
            ) from None
        raise
    _keep_model(session, last)
    stop(session, "done")


@dataclass
class _Last:
    """The training of the last round that this process has finished."""

    number: int = -1
    training: Training | None = None


def _play(session: Session, last: _Last) -> None:
    agreed = session.job.agreed
    while (current := next_round(session)) is not None:
        current.trained = last.training.trained if last.training is not None else None
        current.unasked, agreed = agreed or session.job.approve == "auto", False
        made = current.plan()
        _approve(session, current, made)
        session.folder.update(status="running")
        last.number, last.training = current.number, current.play(made)
        keep_up(session)


def _keep_model(session: Session, last: _Last) -> None:
    """Write the model of the last finished round, unless that is done; a model whose process was killed is fitted anew.

    It is written where no round follows: its files, and what it predicts for the pool, take longer than a small round.
    """
    over = [number for number, folder in session.folder.rounds().items() if folder.result.exists()]
    if not over or session.folder.record.get("model_of") == over[-1]:
        return
    training = last.training if last.number == over[-1] else None
    if training is None:
        training = train(session, session.snapshot(), over[-1])
    if training.trained is not None:
        with session.phase("save", over[-1]):
            save(session, training.snapshot, training.trained)
    session.folder.update(model_of=over[-1])


def next_round(session: Session) -> Round | None:
    """Return the first round that is not over; None if all are."""
    folder = session.folder
    begun = folder.rounds()
    if "first_round" not in folder.record:
        folder.update(first_round=min(begun) if begun else first_round(session))
    first = folder.record["first_round"]
    for number in range(first, session.job.rounds + 1):
        if number not in begun or not begun[number].result.exists():
            if number > first and (reason := why_stop(session, number - 1)) is not None:
                folder.note(f"the run ends after round {number - 1} of {session.job.rounds}: {reason}")
                return None
            return Round(session, number)
        if begun[number].read_result()["selected"] == 0:
            if number < session.job.rounds:
                folder.note(f"the run ends after round {number} of {session.job.rounds}: nothing was left to select")
            return None
    return None


def _approve(session: Session, current: Round, made: Plan) -> None:
    """Let a person agree to the plan, where the config asks for it."""
    if current.unasked or current.folder.journal.exists():
        return
    for line in current.explain(made):
        answers.info("%s", line)
    answer = agreed("apply this plan")
    if answer is None:
        raise Waiting(f"the plan waits for approval. To apply it: {agree_command(session)}")
    if not answer:
        raise Waiting(f"not approved: nothing was done. To apply it later: {agree_command(session)}")


def resume_command(session: Session) -> str:
    """Return what a person types to go on."""
    return command_for("resume", session.folder.path)


def agree_command(session: Session) -> str:
    """Return what a person types to have the plan applied that is made; of later rounds they are asked again."""
    return resume_command(session) + (" approve=auto" if session.job.approve == "prompt" else "")


def stop(session: Session, state: str) -> None:
    """Write down how the run stands, its tables and its report, and print the summary."""
    session.folder.update(status=state)
    publish(session)
