"""A comparison as `comparison.csv`, as `comparison.md` and on the terminal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alrun.compare.comparison import Compared, Comparison
from alrun.compare.summary import ArmSummary
from alrun.report import words
from alrun.report.curves import MEASURES
from alrun.report.sweep import columns
from alrun.report.sweep.data import SweepReport
from alrun.report.sweep.figures import axis_title
from alrun.report.sweep.page import holes
from alrun.report.tables import as_text, number_table

if TYPE_CHECKING:
    from rich.console import Console

FACTS = ("setting", "strategy", "figure", "over", "seeds", "first", "last", "full_data")
OF_AN_ARM = ("area", "area_spread", "final", "final_spread")
OF_A_GAIN = ("mean", "low", "high", "p", "wins", "ties", "losses", "detectable", "seeds_needed")
OF_ITS_COST = ("deficiency", "balance", "calibration_error", "select_seconds", "train_seconds")


def csv_text(comparison: Comparison) -> str:
    """Return `comparison.csv`: one row for each setting and arm, by the names of docs/sweep.md.

    Numbers are unrounded; what is not known is empty, a target that was not reached `inf`.
    """
    rows = [_flat(comparison, one, arm) for one in comparison.settings for arm in one.summary.arms]
    names = [*FACTS, *OF_AN_ARM, *(f"gain.{name}" for name in OF_A_GAIN), "gain.p_holm", *OF_ITS_COST]
    names += sorted({name for row in rows for name in row} - set(names))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _flat(comparison: Comparison, one: Compared, arm: ArmSummary) -> dict[str, Any]:
    setting = one.summary.setting
    row = {
        "setting": one.label,
        "strategy": arm.arm,
        "figure": comparison.figure,
        "over": comparison.axis,
        "seeds": len(setting.seeds),
        "first": float(setting.grid[0]),
        "last": float(setting.grid[-1]),
        "full_data": None if setting.ceiling is None else float(setting.ceiling.mean()),
        **{name: getattr(arm, name) for name in (*OF_AN_ARM, *OF_ITS_COST)},
        **{f"gain.{name}": getattr(arm.gain, name, None) for name in OF_A_GAIN},
        "gain.p_holm": arm.p_holm,
    }
    for target, quartiles in arm.targets.items():
        slug = re.sub(r"[^a-z0-9]+", "_", target.lower().replace("%", " percent")).strip("_")
        row |= {f"to.{slug}.q{share}": value for share, value in zip((25, 50, 75), quartiles, strict=True)}
    return {name: "" if value is None or value != value else value for name, value in row.items()}


def markdown(report: SweepReport) -> str:
    """Return `comparison.md`: the verdict and the tables, for a README or a pull request."""
    comparison = report.comparison
    lines = [f"# {_md(report.title)}", "", _md(comparison.headline), ""]
    lines += [f"- {_md(text)}" for text in comparison.impossible]
    for one in comparison.settings:
        lines += [f"## {_md(one.label)}" if one.label else "## Strategies", "", *_md_setting(report, one)]
    gone = holes(comparison.rows)
    if gone:
        listed = ((hole["job"], hole["status"], hole["error"]) for hole in gone)
        lines += ["## Not done", "", *_md_table(("Job", "Ended", "Why"), listed)]
    if report.live:
        lines += ["## On a real project", "", _md(report.live.text), *_md_code(report.live.command)]
    lines += ["## To repeat it", ""]
    for source in report.sources:
        versions = ", ".join(f"{name} {version}" for name, version in source.versions.items())
        lines += [*_md_code(source.command), _md(versions), ""]
    return "\n".join(lines).rstrip() + "\n"


def _md_setting(report: SweepReport, one: Compared) -> list[str]:
    comparison, setting = report.comparison, one.summary.setting
    over = f"{setting.grid[0]:,.6g} to {setting.grid[-1]:,.6g} {axis_title(comparison.axis, report.unit)}"
    full = "not run for every seed" if setting.ceiling is None else f"{setting.ceiling.mean():.4f}"
    described = (
        f"{MEASURES[comparison.figure]} over {_md(over)}, {len(setting.seeds)} paired seeds; all labels: {full}."
    )
    lines = [described, "", *(f"- {_md(sentence)}" for sentence in one.sentences), ""]
    lines += _md_columns(one, (*columns.results(), *columns.costs(), *columns.powers(one.summary)))
    if one.summary.targets:
        wanted = _md(columns.reaching(comparison.axis, report.unit))
        lines += [f"{wanted} to reach a target, median (and quartiles); > was not reached:", ""]
        lines += _md_columns(one, columns.targets(one.summary))
    return [*lines, _md(columns.AREA), ""]


def _md_columns(one: Compared, shown: Sequence[columns.Column]) -> list[str]:
    rows = ([arm.arm, *(_one_line(column.cell(arm)) for column in shown)] for arm in one.summary.arms)
    return _md_table(("Strategy", *(column.title for column in shown)), rows)


def _one_line(cell: columns.Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def _md_table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    headers = list(headers)
    made = [headers, ["---"] * len(headers), *([_md(cell) for cell in row] for row in rows)]
    return [*(f"| {' | '.join(cells)} |" for cells in made), ""]


def _md_code(command: str | None) -> list[str]:
    return ["", *(f"    {line}" for line in words.clean(command).splitlines()), ""] if command else [""]


def _md(text: str) -> str:
    """Return text that Markdown shows as it is."""
    line = " ".join(words.clean(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", line)


def say(report: SweepReport, console: Console) -> None:
    """Print the verdict and a table for each setting, and where the rest is. Fits 80 columns, needs no colour."""
    comparison = report.comparison
    console.print()
    console.rule(as_text(report.title))
    for one in comparison.settings:
        if one.label:
            console.print(as_text(one.label, "bold"))
        console.print(number_table(("Strategy", *_SHORT), ([arm.arm, *_short(arm)] for arm in one.summary.arms)))
        for sentence in one.sentences:
            console.print(as_text(sentence))
        console.print()
    for text in comparison.impossible:
        console.print(as_text(text))
    console.print(as_text(comparison.headline, "bold"))
    console.print()
    if report.live:
        console.print(as_text(report.live.text))
    if report.live and report.live.command:
        console.print(as_text(f"  {report.live.command}"), soft_wrap=True)
    for name, path in report.outputs.items():
        console.print(as_text(f"{name}: {path}"), soft_wrap=True)


_SHORT = ("AUBC", "vs random", "95 % interval", "p (Holm)", "W/T/L", "Final")


def _short(arm: ArmSummary) -> list[str]:
    cells = [column.cell(arm) for column in columns.results()]
    area, gain, p, record, _, final = cells
    return [
        area.text.partition(" ")[0], gain.text, gain.note or words.MISSING, p.text, record.text.replace(" ", ""),
        final.text.partition(" ")[0],
    ]  # fmt: skip
