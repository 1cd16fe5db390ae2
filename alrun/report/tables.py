"""The summary that a run ends with on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from alrun.report import words
from alrun.report.curves import MEASURES, measures
from alrun.report.data import AgainRow, RoundSection, RunReport, WrittenRow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


REASONS = 3
"""How many reasons to show why something was left alone, the most frequent ones first."""


def summary(report: RunReport, console: Console) -> None:
    """Print what was asked, what came of it, how long it took and where the outputs are.

    Fits 80 columns and needs no colour. Strings of the run are printed as they are, never as rich's markup
    and never as control sequences of the terminal.
    """
    console.print()
    console.rule(as_text(f"{report.title}: {report.status}"))
    console.print(_pairs({**report.asked, "run": report.run_id}))
    console.print(_pairs(_results(report)))
    console.print(_stages(report))
    if report.rounds:
        console.print(_rounds(report))
    console.print(_timings(report))
    for line in _outputs(report.outputs):
        console.print(as_text(line), soft_wrap=True)  # a path that is broken in two can be neither copied nor clicked
    for text in report.audit:
        console.print(as_text(f"audit: {text}"))
    for note in report.notes:
        console.print(as_text(f"note: {note}"))


def _outputs(outputs: Mapping[str, str]) -> list[str]:
    """Return a line with the report's path, and one with the names of what lies beside it."""
    others = ", ".join(name for name in outputs if name != "report.html")
    report = outputs.get("report.html")
    return [*([f"report: {report}"] if report else []), *([f"beside it: {others}", ""] if others else [])]


def as_text(content: str, style: str = "") -> Text:
    """Return text that the terminal shows and does not obey."""
    from rich.text import Text

    return Text(words.clean(content), style=style, overflow="fold")


def _pairs(pairs: Mapping[str, str]) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=10)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        grid.add_row(as_text(name, "dim"), as_text(value))
    grid.add_row()
    return grid


def _results(report: RunReport) -> dict[str, str]:
    left_out = sum(len(r.left_out) for r in report.rounds)
    results = {"selected": f"{report.selected:,}"}
    if report.again is None:
        results["moved"] = f"{report.moved:,} out of the queue"
        results["restored"] = f"{report.restored:,} brought back"
        results["labelled"] = f"{report.labelled:,}"
    else:
        results |= _labelled_again(report.again)
    results |= {row.what: _written(row) for row in report.written}
    if left_out or report.import_left_out:
        results["left out"] = f"{len(report.import_left_out):,} at import, {left_out:,} tasks"
    if report.curve.height:
        last = report.curve.row(-1, named=True)
        titles = measures(report.curve).items()
        figures = [f"{words.uncapitalised(title)} {words.fraction(last[name])}" for name, title in titles]
        results["learned"] = f"{', '.join(figures)} (from {last['labelled']:,} labelled)"
    if report.quality is not None:
        results["evaluated"] = report.quality.about
    return results


def _labelled_again(again: AgainRow) -> dict[str, str]:
    results = {"sent back": f"{again.sent:,} labelled tasks, to be labelled again"}
    if again.changed is not None:
        results["changed"] = f"{again.changed:,} came back with another label"
        results["unchanged"] = f"{again.unchanged:,} came back with the same label"
    if again.untouched:
        results["untouched"] = f"{again.untouched:,} were answered by nobody, and keep their label"
    return results


def _written(row: WrittenRow) -> str:
    parts = [f"{row.written:,} of {row.asked:,} images written"]
    parts += [f"{row.there:,} had it already"] if row.there else []
    if row.left_alone:
        reasons = Counter(item.reason for item in row.left_alone).most_common(REASONS)
        named = "; ".join(f"{count:,}: {reason}" for reason, count in reasons)
        parts.append(f"{len(row.left_alone):,} left alone ({named})")
    return ", ".join(parts)


def number_table(headers: Iterable[str], rows: Iterable[Iterable[str]], words_in: int = 1) -> Table:
    """Return a table whose first `words_in` columns hold words and whose others hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, header in enumerate(headers):
        text = index < words_in
        table.add_column(header, justify="left" if text else "right", overflow="fold", no_wrap=not text)
    for row in rows:
        table.add_row(*map(as_text, row))
    table.add_row()
    return table


def _stages(report: RunReport) -> Table:
    stages = {**report.stages_before, **report.stages_after}
    rows = (
        (stage, f"{report.stages_before.get(stage, 0):,}", f"{report.stages_after.get(stage, 0):,}") for stage in stages
    )
    return number_table(("Stage", "Before", "After"), rows)


def _rounds(report: RunReport) -> Table:
    figure = dict(report.curve.select("round", report.figure).iter_rows())
    again = report.again is not None
    headers = ["Round", "Strategy", "Selected"]
    headers += ["Sent back", "Changed", "Unchanged"] if again else ["Moved", "Labelled", "Restored"]
    headers += [MEASURES[report.figure]] if figure else []  # nothing was evaluated: there is no figure to name
    rows = (
        (str(r.number), r.strategy, f"{len(r.picks):,}", *map(words.count, _what_happened(r, again=again)),
         *([words.fraction(figure.get(r.number))] if figure else []))
        for r in report.rounds
    )  # fmt: skip
    return number_table(headers, rows, words_in=2)


def _what_happened(section: RoundSection, *, again: bool) -> tuple[int | None, ...]:
    if not again:
        return section.moved, len(section.labels), section.restored
    row = section.again
    return (None, None, None) if row is None else (row.sent, row.changed, row.unchanged)


def _timings(report: RunReport) -> Table:
    """Return the time of each phase, summed over the rounds."""
    seconds: dict[str, float] = {}
    for phase in report.phases:
        seconds[phase.name] = seconds.get(phase.name, 0.0) + phase.seconds
    seconds["total"] = sum(seconds.values())
    return number_table(("Phase", "Time"), ((name, words.duration(value)) for name, value in seconds.items()))
