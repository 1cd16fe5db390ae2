"""The page in headless Chromium, on a desktop and on a phone; skipped where no Chromium is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import numpy as np
import pytest

from alrun.report.data import RunReport
from alrun.report.page import render
from tests.report.examples import hostile, realistic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def browse(folder: Path, html: str, width: int, *options: str, height: int = 2000) -> str:
    """Open `html` in a window and return the document as it is after its scripts have run."""
    (folder / "report.html").write_text(html)
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}", *options,
        (folder / "report.html").as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def with_script(html: str, script: str) -> str:
    return html.replace("</body>", f"<script>{script}</script></body>")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_it_is_drawn(tmp_path: Path, width: int, scheme: str) -> None:
    from PIL import Image

    picture = tmp_path / "page.png"
    preference = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    browse(tmp_path, render(realistic()), width, preference, f"--screenshot={picture}")
    with Image.open(picture) as image:
        assert image.size == (width, 2000)
        pixels = np.asarray(image.convert("RGB")).astype(int)
    background = pixels[-1, 1].mean()
    assert background < 40 if scheme == "dark" else background > 240
    assert 0.05 < (np.abs(pixels - pixels[-1, 1]).max(axis=2) > 30).mean() < 0.7
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("report", [realistic(), hostile()], ids=["realistic", "hostile"])
def test_a_phone_never_scrolls_sideways_and_every_thumbnail_decodes(tmp_path: Path, report: RunReport) -> None:
    measure = """addEventListener('load', () => {
        document.querySelectorAll('details').forEach(d => d.open = true);
        const images = [...document.images], drawn = images.filter(i => i.complete && i.naturalWidth > 0);
        parent.document.body.dataset.seen =
            [innerWidth, document.documentElement.scrollWidth, drawn.length, images.length].join(' ');
    })"""
    html = re.sub(r"<meta http-equiv[^>]*>", "", render(report))
    # A window is at least 500 pixels wide, a frame may be as narrow as a phone.
    phone = f'<iframe style="width:390px;height:800px;border:0" srcdoc="{escape(with_script(html, measure))}"></iframe>'
    seen = re.search(r'data-seen="([\d ]+)"', browse(tmp_path, f"<body>{phone}</body>", 1280, "--dump-dom"))
    assert seen
    width, needed, decoded, images = map(int, seen[1].split())
    assert width == 390
    assert needed <= width
    assert decoded == images == html.count("<img ")


def test_its_policy_stops_a_script_that_got_in(tmp_path: Path) -> None:
    script = "document.documentElement.dataset.owned = 1"
    html = render(realistic(rounds=1))
    assert "data-owned" not in browse(tmp_path, with_script(html, script), 390, "--dump-dom").split("<body>")[0]
    unguarded = re.sub(r"<meta http-equiv[^>]*>", "", html)
    assert "data-owned" in browse(tmp_path, with_script(unguarded, script), 390, "--dump-dom").split("<body>")[0]
