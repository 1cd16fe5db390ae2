"""`sweep.html` in headless Chromium: its script runs under its policy, and does what it is for."""

from __future__ import annotations

import json
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alrun.report.sweep.page import render
from tests.report.sweeps import hostile, realistic
from tests.report.test_browser import CHROMIUM, browse, with_script

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

ACT = """
const errors = [];
addEventListener('error', (event) => errors.push(event.message));
addEventListener('load', () => {
  const seen = {errors};
  const table = document.querySelector('table.sortable'), heads = [...table.querySelectorAll('th button')];
  const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
  const gain = heads.find((button) => button.textContent === 'vs random');
  seen.before = order();
  gain.click(); seen.ascending = order(); seen.said = gain.parentElement.getAttribute('aria-sort');
  gain.click(); seen.descending = order();
  heads[0].click(); seen.names = order();
  const shown = (arm) => [...document.querySelectorAll('svg g[data-arm]')]
    .filter((group) => group.dataset.arm === arm && group.getBoundingClientRect().width > 0).length;
  const key = [...document.querySelectorAll('.arms button')].find((button) => button.textContent.includes('margin'));
  seen.drawn = shown('margin'); key.click(); seen.hidden = shown('margin'); seen.others = shown('random');
  seen.pressed = key.getAttribute('aria-pressed'); key.click(); seen.again = shown('margin');
  const figures = [...document.querySelector('.overs').querySelectorAll('.over')];
  const visible = () => figures.map((figure) => figure.getBoundingClientRect().height > 0);
  seen.axis = visible(); document.querySelectorAll('.switch button')[1].click(); seen.cost = visible();
  const svg = document.querySelector('svg[data-numbers]');
  svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));
  svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));
  seen.read = svg.closest('.over').querySelector('.values').textContent;
  document.querySelectorAll('.switch button')[0].click();
  const wide = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', {clientX: wide.right}));
  seen.pointed = svg.closest('.over').querySelector('.values').textContent;
  document.body.dataset.seen = JSON.stringify(seen);
});
"""


def seen(folder: Path, html: str) -> dict[str, Any]:
    found = re.search(r'data-seen="([^"]*)"', browse(folder, html, 1280, "--dump-dom"))
    assert found
    content: dict[str, Any] = json.loads(unescape(found[1]))
    return content


def test_it_sorts_hides_switches_and_reads_off(tmp_path: Path) -> None:
    html = re.sub(r"<meta http-equiv[^>]*>", "", render(realistic()))
    acted = seen(tmp_path, html.replace("</head>", f"<script>{ACT}</script></head>"))
    assert acted["errors"] == []
    assert acted["before"] == ["random", "entropy", "kcenter", "margin"]
    assert acted["ascending"] == ["entropy", "kcenter", "margin", "random"]  # random has no gain: it comes last
    assert acted["said"] == "ascending"
    assert acted["descending"] == ["margin", "kcenter", "entropy", "random"]
    assert acted["names"] == ["entropy", "kcenter", "margin", "random"]
    assert (acted["drawn"], acted["hidden"], acted["others"], acted["pressed"], acted["again"]) == (3, 0, 2, "false", 3)
    assert (acted["axis"], acted["cost"]) == ([True, False], [False, True])
    values = "  ".join(rf"{arm} 0\.\d{{4}}" for arm in ("random", "entropy", "kcenter", "margin"))
    assert re.fullmatch(f"20 labelled images: {values}  ", acted["read"])
    assert acted["pointed"].startswith("60 labelled images: ")


def test_its_policy_lets_its_own_script_run_and_no_other(tmp_path: Path) -> None:
    html = with_script(render(realistic()), "document.documentElement.dataset.owned = 1")
    document = browse(tmp_path, html, 1280, "--dump-dom", "--enable-logging=stderr", "--v=0")
    assert 'aria-pressed="true"' in document
    assert "data-owned" not in document.split("<body>")[0]


def test_hostile_strings_do_not_run_either(tmp_path: Path) -> None:
    html = re.sub(r"<meta http-equiv[^>]*>", "", render(hostile()))
    alarm = "<script>window.alert = () => { document.title = 'owned'; };</script>"
    document = browse(tmp_path, html.replace("<head>", f"<head>{alarm}"), 1280, "--dump-dom")
    assert 'aria-pressed="true"' in document
    assert "<title>owned</title>" not in document


@pytest.mark.parametrize("report", [realistic(), hostile()], ids=["realistic", "hostile"])
def test_a_phone_never_scrolls_sideways(tmp_path: Path, report: Any) -> None:
    measure = """addEventListener('load', () => {
        document.querySelectorAll('details').forEach((part) => part.open = true);
        const drawn = [...document.images].filter((image) => image.complete && image.naturalWidth > 0);
        parent.document.body.dataset.seen =
            JSON.stringify([innerWidth, document.documentElement.scrollWidth, drawn.length, document.images.length]);
    })"""
    html = re.sub(r"<meta http-equiv[^>]*>", "", render(report))
    phone = f'<iframe style="width:390px;height:800px;border:0" srcdoc="{escape(with_script(html, measure))}"></iframe>'
    found = re.search(r'data-seen="\[([\d,]+)\]"', browse(tmp_path, f"<body>{phone}</body>", 1280, "--dump-dom"))
    assert found
    width, needed, decoded, images = map(int, found[1].split(","))
    assert width == 390
    assert needed <= width
    assert decoded == images == html.count("<img ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_is_cut_at_an_edge_has_a_shadow_there(tmp_path: Path, scheme: str) -> None:
    html = re.sub(r"<meta http-equiv[^>]*>", "", render(realistic()))
    only = """addEventListener('load', () => {
        const part = document.querySelector('.scroll:has(.sortable)');
        document.body.replaceChildren(part); document.body.style.padding = '0';
        part.style.height = '600px'; part.scrollLeft = LEFT;
    })"""

    def right_edge(left: int) -> float:
        page = with_script(html, only.replace("LEFT", str(left)))
        frame = f'<iframe style="width:390px;height:800px;border:0" srcdoc="{escape(page)}"></iframe>'
        picture = tmp_path / "page.png"
        dark = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
        own = f'<meta name="color-scheme" content="light dark"><body style="margin:0">{frame}</body>'
        browse(tmp_path, own, 800, dark, f"--screenshot={picture}")
        with Image.open(picture) as image:
            below = np.asarray(image.convert("L")).astype(float)[500:580]  # below the rows of the table
        return float(abs(below[:, 386:389].mean() - below[:, 340:350].mean()))

    assert right_edge(0) > 25
    assert right_edge(10_000) < 3
