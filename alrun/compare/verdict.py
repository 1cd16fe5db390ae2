"""The comparison in words; "no detectable difference" and "too few seeds" are possible answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alrun.compare.paired import LEVEL, POWER, fewest_to_test
from alrun.compare.settings import BASELINE, Setting
from alrun.compare.summary import ArmSummary, SettingSummary


def verdict(summary: SettingSummary) -> list[str]:
    """Return a sentence for each arm that was compared with random, and what the comparison lacks."""
    compared = _compared(summary)
    said = [_sentence(arm, summary) for arm in compared]
    if summary.setting.baseline is None:
        said.append(f"There is no random baseline, so nothing can be said about a gain: {_add_random(summary)}.")
    elif too_few_seeds(summary):
        said.append(
            f"{_seeds(len(summary.setting.seeds))}: the signed-rank test of {_strategies(len(compared))} cannot go "
            f"below {LEVEL:g} with fewer than {fewest_to_test(len(compared))}, whatever the data. Run more seeds."
        )
    said += [f"Left out: {text}." for text in summary.setting.left_out]
    return said


def winner(summaries: Sequence[SettingSummary]) -> str | None:
    """Return the arm to use: of those that are better than random in every setting, the one with the largest mean gain.

    Returns
    -------
    str or None
        `random` if no arm is better in every setting; None if there is no baseline to compare with.
    """
    if any(summary.setting.baseline is None for summary in summaries):
        return None
    names = set.intersection(*({arm.arm for arm in summary.arms} for summary in summaries)) - {BASELINE}
    gains: dict[str, list[float]] = {}
    for summary in summaries:
        for arm in summary.arms:
            if arm.arm in names and arm.gain is not None and is_better(arm):
                gains.setdefault(arm.arm, []).append(arm.gain.mean)
    better = {name: sum(found) / len(found) for name, found in gains.items() if len(found) == len(summaries)}
    return max(sorted(better), key=lambda name: better[name], default=BASELINE)


def is_better(arm: ArmSummary) -> bool:
    """Say whether an arm is better than random beyond doubt at 5 %, corrected for the number of arms."""
    return arm.gain is not None and arm.p_holm is not None and arm.p_holm < LEVEL and arm.gain.mean > 0


def too_few_seeds(summary: SettingSummary) -> bool:
    """Say whether no result whatever could be beyond doubt, with so few seeds for so many arms."""
    compared = _compared(summary)
    return bool(compared) and len(summary.setting.seeds) < fewest_to_test(len(compared))


def _compared(summary: SettingSummary) -> list[ArmSummary]:
    return [arm for arm in summary.arms if arm.gain is not None]


def _sentence(arm: ArmSummary, summary: SettingSummary) -> str:
    gain = arm.gain
    if gain is None or arm.p_holm is None:
        return ""
    seeds = len(summary.setting.seeds)
    if not gain.wins and not gain.losses:
        return f"{arm.arm}: no difference from random: the same area on {'every' if seeds > 1 else 'the one'} seed."
    facts = _in_its_unit(gain.mean, summary.setting)
    if seeds > 1:
        facts += f", 95 % interval {gain.low:+.4f} to {gain.high:+.4f}, p = {arm.p_holm:.3g} (Wilcoxon, Holm)"
    facts += f", {gain.wins} of {seeds} seeds better"
    if arm.p_holm < LEVEL:
        return f"{arm.arm} is {'better' if gain.mean > 0 else 'worse'} than random: {facts}."
    found = "too few seeds to test against" if too_few_seeds(summary) else "no detectable difference from"
    text = f"{arm.arm}: {found} random: {facts}."
    if seeds > 1:
        if math.isnan(gain.detectable):
            text += f" With {_seeds(seeds)} no difference could be detected, however large"
        else:
            text += (
                f" With {_seeds(seeds)} a difference of {gain.detectable:.4f} is detected with probability {POWER:g}"
            )
        if gain.seeds_needed is None:
            text += "; no reasonable number would detect one as small as the one seen."
        else:
            text += f"; detecting one as large as the one seen takes {gain.seeds_needed}."
    return text


def _in_its_unit(gain: float, setting: Setting) -> str:
    """Return a mean gain in words that are true of the figure: a gain in log loss is a lower one."""
    if setting.sign > 0:
        return f"{gain:+.4f} mean {setting.figure} over the budget"
    moved = "lower" if gain > 0 else "higher"
    return (
        f"mean {setting.figure} over the budget {abs(gain):.4f} {moved} than random's, where lower is better: "
        f"a gain of {gain:+.4f}"
    )


def _add_random(summary: SettingSummary) -> str:
    """Return how to run the baseline; `strategy=random` takes no swept part or parameter of another strategy."""
    if any("=" in arm.arm for arm in summary.arms):
        return (
            "run the same command with strategy=random and without the other keys of the strategy, as a sweep of its "
            "own, and compare both with action=compare"
        )
    return "add strategy=random"


def _strategies(count: int) -> str:
    return "one strategy" if count == 1 else f"{count} strategies, corrected for their number,"


def _seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"
