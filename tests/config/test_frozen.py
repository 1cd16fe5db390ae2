"""What is frozen in a run folder is read as it was, whatever the texts look like."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from alrun.config.frozen import frozen, keep_resolved
from tests.config.command import content

TEXTS = st.text(st.sampled_from(list("\\${}:.a1e3# '\"\n")), max_size=12)


@given(TEXTS)
def test_a_text_is_read_as_it_was(text: str) -> None:
    config = {**content("dataset=digits"), "name": text}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".hydra").mkdir()
        (folder / ".hydra" / "config.yaml").touch()
        keep_resolved(folder, config)
        assert frozen(folder, "config") == config
