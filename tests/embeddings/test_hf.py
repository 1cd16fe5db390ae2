"""Models of transformers from a folder: tiny CLIP, DINOv2 and ViT that are made here; nothing comes from a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alrun.embeddings import hf as module
from alrun.embeddings.base import Embedding
from alrun.embeddings.cache import embed_all
from alrun.embeddings.hf import HuggingFace
from alrun.embeddings.testing import EmbeddingContract, example_images
from alrun.errors import ConfigError
from alrun.platform.store import ImageStore
from alrun.types import ImageFile
from tests.datasets import pictures

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with the folders clip, dinov2, vit (a classifier) and bert, with random weights."""
    folder = tmp_path_factory.mktemp("models")
    texts = {**SMALL, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    square = {"height": 32, "width": 32}
    with module._quiet_transformers(), torch.random.fork_rng():
        torch.manual_seed(0)
        clip = transformers.CLIPConfig(
            text_config=texts, vision_config={**SMALL, "image_size": 32, "patch_size": 8}, projection_dim=12
        )
        transformers.CLIPModel(clip).save_pretrained(folder / "clip")
        transformers.Dinov2Model(
            transformers.Dinov2Config(**{**SMALL, "mlp_ratio": 2}, image_size=28, patch_size=14)
        ).save_pretrained(folder / "dinov2", max_shard_size="10KB")
        vit = transformers.ViTConfig(**SMALL, image_size=32, patch_size=16, num_labels=3)
        transformers.ViTForImageClassification(vit).save_pretrained(folder / "vit")
        transformers.BertModel(transformers.BertConfig(**texts)).save_pretrained(folder / "bert")
        edge = {"shortest_edge": 32}
        transformers.CLIPImageProcessorPil(size=edge, crop_size=square).save_pretrained(folder / "clip")
        transformers.BitImageProcessorPil(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
        ).save_pretrained(folder / "dinov2")
        transformers.ViTImageProcessorPil(size=square).save_pretrained(folder / "vit")
        transformers.ViTImageProcessorPil(size=square).save_pretrained(folder / "bert")
    yield folder
    module._network.cache_clear()


class ModelContract(EmbeddingContract):
    """The contract, for one of the models."""

    name: str

    @pytest.fixture(autouse=True)
    def _models(self, models: Path) -> None:
        self.models = models

    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:  # noqa: ARG002
        return HuggingFace(str(self.models / self.name))


class TestClip(ModelContract):
    name = "clip"


class TestDinov2(ModelContract):
    name = "dinov2"


def stored(folder: Path, *images: Image.Image) -> list[ImageFile]:
    store = ImageStore(folder)
    digests = [store.put(pictures.encoded(image)) for image in images]
    return [ImageFile(f"data-{i}", store.path(found), found) for i, found in enumerate(digests)]


def photographs() -> list[Image.Image]:
    from sklearn.datasets import load_sample_image

    return [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]


def own_output(folder: Path, kind: Any, processor: Any) -> Any:
    """Run a model as the documentation of transformers does."""
    with module._quiet_transformers():
        model, prepare = kind.from_pretrained(folder).eval(), processor.from_pretrained(folder)
        inputs = prepare(photographs(), return_tensors="pt")
        with torch.inference_mode():
            return model.get_image_features(**inputs) if hasattr(model, "get_image_features") else model(**inputs)


def test_clip_gives_its_projected_image_features(models: Path, tmp_path: Path) -> None:
    expected = own_output(models / "clip", transformers.CLIPModel, transformers.CLIPImageProcessorPil)
    found = HuggingFace(str(models / "clip")).embed(stored(tmp_path, *photographs()))
    assert found.shape == (2, 12)
    np.testing.assert_allclose(found, expected.pooler_output.numpy(), atol=1e-5)


def test_dinov2_in_several_files_gives_its_class_token(models: Path, tmp_path: Path) -> None:
    assert len(list((models / "dinov2").glob("model-*.safetensors"))) > 1
    expected = own_output(models / "dinov2", transformers.Dinov2Model, transformers.BitImageProcessorPil)
    found = HuggingFace(str(models / "dinov2")).embed(stored(tmp_path, *photographs()))
    np.testing.assert_allclose(found, expected.last_hidden_state[:, 0].numpy(), atol=1e-5)


def test_a_classifier_without_a_pooling_layer_gives_its_class_token(models: Path, tmp_path: Path) -> None:
    """The layer that is missing would be filled with random numbers, others in each process."""
    expected = own_output(models / "vit", transformers.ViTModel, transformers.ViTImageProcessorPil)
    found = HuggingFace(str(models / "vit")).embed(stored(tmp_path, *photographs()))
    np.testing.assert_allclose(found, expected.last_hidden_state[:, 0].numpy(), atol=1e-5)


def test_an_image_of_one_line_is_embedded(models: Path, tmp_path: Path) -> None:
    line, column = Image.new("RGB", (30_000, 1), "red"), Image.new("RGB", (3, 9_000), "red")
    found = HuggingFace(str(models / "clip")).embed(stored(tmp_path, line, column, Image.new("RGB", (9, 9), "red")))
    np.testing.assert_allclose(found[:2], found[2:].repeat(2, axis=0), atol=1e-4)


def test_vectors_are_kept_for_the_content_of_the_model(models: Path, tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 3)
    copied = tmp_path / "copy"
    shutil.copytree(models / "clip", copied)
    first, computed = embed_all(HuggingFace(str(models / "clip")), images, tmp_path)
    again, recomputed = embed_all(HuggingFace(str(copied)), images, tmp_path)
    assert (computed, recomputed) == (3, 0)
    np.testing.assert_array_equal(first, again)
    config = json.loads((copied / "preprocessor_config.json").read_text())
    (copied / "preprocessor_config.json").write_text(json.dumps({**config, "image_mean": [0.1, 0.2, 0.3]}))
    assert embed_all(HuggingFace(str(copied)), images, tmp_path)[1] == 3


def test_float16_is_kept_in_half_the_space(models: Path, tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 3)
    whole, _ = embed_all(HuggingFace(str(models / "clip")), images, tmp_path / "whole")
    for computed in (3, 0):
        half, new = embed_all(HuggingFace(str(models / "clip"), precision="float16"), images, tmp_path / "half")
        assert new == computed
        assert half.dtype == np.float32
        np.testing.assert_array_equal(half, whole.astype(np.float16))
    sizes = [next((tmp_path / name).rglob("vectors.bin")).stat().st_size for name in ("whole", "half")]
    assert sizes[0] == 2 * sizes[1] == whole.nbytes


def test_a_pickle_is_never_read(models: Path, tmp_path: Path) -> None:
    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(models / "clip", folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(ran).encode() + b"'\ntR.")
    with pytest.raises(ConfigError, match=r"there is no model\.safetensors.*may run code.*save_pretrained"):
        HuggingFace(str(folder)).embed([])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "pytorch_model.bin"}}))
    with pytest.raises(ConfigError, match="names files beside it that are not safetensors"):
        HuggingFace(str(folder)).embed([])
    assert not ran.exists()


def test_code_of_a_repository_is_never_run(models: Path, tmp_path: Path) -> None:
    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(models / "clip", folder)
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\n")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}})
    )
    with pytest.raises(ConfigError, match="does not embed images"):
        HuggingFace(str(folder)).embed([])
    assert not ran.exists()


def test_weights_that_are_missing_or_damaged_are_no_bug(models: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(models / "vit", folder)
    weights = load_file(folder / "model.safetensors")
    (lacking, *_) = [name for name in weights if "layernorm" in name]
    save_file({k: v for k, v in weights.items() if k != lacking}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match="its weights lack"):
        HuggingFace(str(folder)).embed([])
    module._network.cache_clear()
    (folder / "model.safetensors").write_bytes(b"words")
    with pytest.raises(ConfigError, match="does not embed images"):
        HuggingFace(str(folder)).embed([])


def test_a_model_of_texts_is_refused(models: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not embed images .*choose a model of transformers for images"):
        HuggingFace(str(models / "bert")).embed([])


def test_a_hub_that_cannot_be_reached_says_what_to_do(tmp_path: Path) -> None:
    """In a process of its own, since the hub's client reads its settings when it is imported."""
    script = (
        "from alrun.embeddings.hf import HuggingFace\nfrom alrun.errors import ConfigError\n"
        "try:\n    HuggingFace('facebook/dinov2-small').identity()\n"
        "except ConfigError as error:\n    print(error)"
    )
    environment = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": ""}
    told = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True).stdout
    assert "embedding.model=facebook/dinov2-small cannot be had from the Hugging Face hub" in told
    assert "hf download facebook/dinov2-small --local-dir FOLDER" in told
    assert "HF_HOME" in told


def test_a_model_in_the_hubs_cache_needs_no_network(models: Path, tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--me--clip"
    shutil.copytree(models / "clip", cached / "snapshots" / ("0" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0" * 40)
    script = "from alrun.embeddings.hf import HuggingFace; print(HuggingFace('me/clip').identity()['model'])"
    environment = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": ""}
    told = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert told.stdout.strip() == HuggingFace(str(models / "clip")).identity()["model"], told.stderr


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (HuggingFace("no/such/folder"), "neither a folder nor an id"),
        (HuggingFace(".", revision="main"), "is a folder, which has no revisions"),
        (HuggingFace("."), r"no config\.json and no preprocessor_config\.json"),
    ],
)
def test_what_is_no_model_is_refused(embedding: HuggingFace, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        embedding.identity()


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_package_that_is_missing_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else object())
    with pytest.raises(ConfigError, match=rf"needs {package}, .*pip install 'alrun\[hf\]'"):
        HuggingFace("any").identity()
    with pytest.raises(ConfigError, match=package):
        HuggingFace("any").embed([])


def test_asking_for_the_config_imports_no_torch() -> None:
    script = "import sys, alrun.embeddings.hf; print({'torch', 'transformers'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "set()\n"
