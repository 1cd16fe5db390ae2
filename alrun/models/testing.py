"""The contract of every model. A model's test inherits :class:`ModelContract` and says how to make the model.

::

    class TestMine(ModelContract):
        def model(self) -> Model:
            return Mine(epochs=5)
"""

from __future__ import annotations

import dataclasses
import random
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from alrun.errors import DataError
from alrun.models.base import Array, ImageModel, Model, Sampled, SampledModel, Trained

CLASSES = 5
SEEN = (0, 2, 3)


class ModelContract:
    """What `alrun.models.base` promises of a model, on a small problem that any classifier can learn.

    Attributes
    ----------
    deterministic
        Whether the model draws nothing from its generator.
    threads
        How many threads to fit with.
    """

    deterministic: ClassVar[bool] = False
    threads: ClassVar[int] = 2

    def model(self) -> Model:
        """Return the model under test, in a configuration that fits 90 examples within seconds."""
        raise NotImplementedError

    def test_is_a_frozen_dataclass_that_fitting_does_not_change(self) -> None:
        """A model is configuration."""
        model = self.model()
        assert isinstance(model, Model)
        assert dataclasses.is_dataclass(model)
        assert model.inputs in ("embeddings", "images")
        before = dataclasses.asdict(model)
        self._fitted()
        assert dataclasses.asdict(model) == before
        name = dataclasses.fields(model)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(model, name, before[name])

    def test_learns_what_can_be_learnt(self) -> None:
        """Nine in ten of new examples are right."""
        inputs, targets = self._examples(60, seed=1)
        assert (self._fitted().predict_proba(inputs).argmax(axis=1) == targets).mean() > 0.9

    def test_predicts_probabilities_of_every_class(self) -> None:
        """float64 of shape (N, C) in 0..1; rows sum to 1; 0 for a class that was never seen."""
        fitted = self._fitted()
        assert isinstance(fitted, Trained)
        probabilities = fitted.predict_proba(self._examples(20, seed=1)[0])
        assert probabilities.dtype == np.float64
        assert probabilities.shape == (20, CLASSES)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-9)
        unseen = [c for c in range(CLASSES) if c not in SEEN]
        assert (probabilities[:, unseen] == 0).all()
        assert (probabilities[:, SEEN].max(axis=0) > 0).all()

    @pytest.mark.parametrize("rows", [1, 7])
    def test_a_single_class_is_certain(self, rows: int) -> None:
        """With one class in the training data, one example included, that class has probability 1."""
        inputs, _ = self._examples(rows, seed=0)
        fitted = self._fit(inputs, np.full(rows, 3))
        expected = np.tile(np.eye(CLASSES)[3], (4, 1))
        np.testing.assert_array_equal(fitted.predict_proba(self._examples(4, seed=1)[0]), expected)

    def test_the_only_class_there_is_works(self) -> None:
        """C = 1 is allowed."""
        inputs, _ = self._examples(3, seed=0)
        fitted = self.model().fit(inputs, np.zeros(3, np.int64), 1, np.random.default_rng(0), self.threads)
        np.testing.assert_array_equal(fitted.predict_proba(inputs), np.ones((3, 1)))

    def test_two_classes_work(self) -> None:
        """The smallest real problem; many implementations treat it apart."""
        inputs, targets = self._examples(60, seed=0)
        rows = targets != 3
        probabilities = self._fit(inputs[rows], targets[rows]).predict_proba(inputs[rows])
        assert (probabilities.argmax(axis=1) == targets[rows]).mean() > 0.9
        np.testing.assert_allclose(probabilities[:, [0, 2]].sum(axis=1), 1, rtol=0, atol=1e-9)

    def test_no_rows_give_no_rows(self) -> None:
        """An empty pool has probabilities of shape (0, C)."""
        assert self._fitted().predict_proba(self._examples(0, seed=1)[0]).shape == (0, CLASSES)

    def test_a_row_depends_on_itself_only(self) -> None:
        """Other rows, their order and their number change nothing but the last bits."""
        inputs, _ = self._examples(300, seed=1)
        fitted = self._fitted()
        whole = fitted.predict_proba(inputs)
        order = np.random.default_rng(0).permutation(300)
        np.testing.assert_allclose(fitted.predict_proba(inputs[order]), whole[order], rtol=0, atol=1e-6)
        np.testing.assert_allclose(fitted.predict_proba(inputs[17:18]), whole[17:18], rtol=0, atol=1e-6)

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        """Fitting twice with the same generator state and number of threads is the same."""
        inputs, _ = self._examples(50, seed=1)
        once, again = (self._fitted(seed=4).predict_proba(inputs) for _ in range(2))
        np.testing.assert_array_equal(once, again)

    def test_another_seed_gives_another_model(self) -> None:
        """All that is random comes from the generator; a deterministic model leaves it alone."""
        inputs, _ = self._examples(50, seed=1)
        one, other = (self._fitted(seed=seed).predict_proba(inputs) for seed in (4, 5))
        assert np.array_equal(one, other) == self.deterministic
        assert getattr(self.model(), "deterministic", self.deterministic) == self.deterministic

    def test_global_generators_are_neither_read_nor_moved(self) -> None:
        """Whatever else a process draws has no influence, and is not influenced."""
        inputs, _ = self._examples(50, seed=1)
        expected = self._fitted().predict_proba(inputs)
        _draw_from_global_generators()
        before = _global_states()
        np.testing.assert_array_equal(self._fitted().predict_proba(inputs), expected)
        assert _global_states() == before

    def test_inputs_may_be_read_only_and_mapped_from_disk(self, tmp_path: Path) -> None:
        """A pool larger than memory is a file; nobody writes into it."""
        inputs, targets = self._examples(90, seed=0)
        np.save(tmp_path / "inputs.npy", inputs)
        mapped = np.load(tmp_path / "inputs.npy", mmap_mode="r")
        targets.flags.writeable = False
        expected = self._fitted().predict_proba(inputs)
        np.testing.assert_array_equal(self._fit(mapped, targets).predict_proba(mapped), expected)

    def test_a_saved_model_predicts_the_same_bits(self, tmp_path: Path) -> None:
        """Save, load, save again: nothing changes."""
        fitted = self._fitted()
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        fitted.save(first)
        loaded = self.model().load(first)
        inputs, _ = self._examples(50, seed=1)
        np.testing.assert_array_equal(loaded.predict_proba(inputs), fitted.predict_proba(inputs))
        loaded.save(second)
        assert _contents(first) == _contents(second)

    def test_samples_are_probabilities_by_each_member(self) -> None:
        """float32 of shape (K, N, C); rows sum to 1; 0 for a class that was never seen; the same after loading."""
        fitted, inputs = self._sampled(), self._examples(20, seed=1)[0]
        samples = fitted.samples(inputs, np.random.default_rng(0))
        model = self.model()
        assert isinstance(model, SampledModel)
        assert samples.shape == (model.samples, 20, CLASSES)
        assert samples.dtype == np.float32
        assert (samples >= 0).all()
        np.testing.assert_allclose(samples.sum(axis=2), 1, rtol=0, atol=1e-5)
        assert (samples[..., [c for c in range(CLASSES) if c not in SEEN]] == 0).all()
        assert np.abs(samples - samples[0]).max() > 0
        assert fitted.samples(inputs[:0], np.random.default_rng(0)).shape == (model.samples, 0, CLASSES)

    def test_samples_come_from_the_generator_and_the_row(self) -> None:
        """The same generator gives the same bits; other rows and their order change nothing but the last bits."""
        inputs, _ = self._examples(300, seed=1)
        fitted = self._sampled()
        before = _global_states()
        whole, again = (fitted.samples(inputs, np.random.default_rng(3)) for _ in range(2))
        np.testing.assert_array_equal(whole, again)
        order = np.random.default_rng(0).permutation(300)
        shuffled = fitted.samples(inputs[order], np.random.default_rng(3))
        np.testing.assert_allclose(shuffled, whole[:, order], rtol=0, atol=1e-5)
        assert _global_states() == before

    def test_a_saved_model_gives_the_same_samples(self, tmp_path: Path) -> None:
        """As it predicts the same."""
        fitted, inputs = self._sampled(), self._examples(20, seed=1)[0]
        fitted.save(tmp_path)
        loaded = self.model().load(tmp_path)
        assert isinstance(loaded, Sampled)
        one, other = (trained.samples(inputs, np.random.default_rng(3)) for trained in (fitted, loaded))
        np.testing.assert_array_equal(one, other)

    def test_a_model_says_whether_it_has_samples(self) -> None:
        """What is said before a run holds in it."""
        assert isinstance(self.model(), SampledModel) == isinstance(self._fitted(), Sampled)

    def test_a_folder_without_a_model_is_refused(self, tmp_path: Path) -> None:
        """A DataError names the folder that is missing or empty."""
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(DataError, match=folder.name):
                self.model().load(folder)

    @pytest.mark.parametrize("damage", ["cut", "emptied", "deleted", "another's"])
    def test_a_damaged_model_is_refused(self, damage: str, tmp_path: Path) -> None:
        """Whichever file it happened to."""
        self._fitted().save(tmp_path)
        for path in _files(tmp_path):
            content = path.read_bytes()
            match damage:
                case "cut":
                    path.write_bytes(content[: len(content) // 2])
                case "emptied":
                    path.write_bytes(b"")
                case "deleted":
                    path.unlink()
                case _:
                    path.write_bytes(b'{"kind": "something else"}')
            with pytest.raises(DataError):
                self.model().load(tmp_path)
            path.write_bytes(content)
        self.model().load(tmp_path)

    def test_a_file_that_would_run_code_is_refused_and_not_run(self, tmp_path: Path) -> None:
        """A pickle in the place of any file is not opened as one."""
        model, marker = tmp_path / "model", tmp_path / "marker"
        model.mkdir()
        self._fitted().save(model)
        for path in _files(model):
            content = path.read_bytes()
            path.write_bytes(bomb(marker))
            with pytest.raises(DataError):
                self.model().load(model)
            assert not marker.exists()
            path.write_bytes(content)

    def test_malformed_inputs_are_refused(self) -> None:
        """Another type, another number of axes, another size: in fitting and in predicting."""
        inputs, targets = self._examples(6, seed=0)
        fitted = self._fitted()
        for wrong in (inputs.astype(np.float64), inputs[0], inputs[..., None], inputs[..., :-1]):
            with pytest.raises(DataError, match="given"):
                fitted.predict_proba(wrong)
        for wrong in (inputs.astype(np.float64), inputs[0], inputs[..., None]):
            with pytest.raises(DataError, match="given"):
                self._fit(wrong, targets)

    def test_values_that_are_no_numbers_are_refused_by_row(self) -> None:
        """NaN and infinity in embeddings are never a silent prediction; images cannot hold them."""
        inputs, targets = self._examples(6, seed=0)
        if self.model().inputs == "images":
            pytest.skip("bytes are always numbers")
        inputs[2, 0], inputs[4, 1] = np.nan, -np.inf
        for refused in (lambda: self._fit(inputs, targets), lambda: self._fitted().predict_proba(inputs)):
            with pytest.raises(DataError, match="row 2, 4"):
                refused()

    def test_malformed_targets_are_refused(self) -> None:
        """One class number in 0..C-1 for each row, and at least one row."""
        inputs, targets = self._examples(6, seed=0)
        outside = targets.copy()
        outside[[1, 5]] = -1, CLASSES
        with pytest.raises(DataError, match="row 1, 5"):
            self._fit(inputs, outside)
        with pytest.raises(DataError, match="6 inputs, but 5 targets"):
            self._fit(inputs, targets[:5])
        with pytest.raises(DataError, match="integers"):
            self._fit(inputs, targets.astype(np.float64))
        with pytest.raises(DataError, match="nothing to fit on"):
            self._fit(inputs[:0], targets[:0])

    def _sampled(self) -> Sampled:
        fitted = self._fitted()
        if not isinstance(fitted, Sampled):
            pytest.skip("the model has no samples")
        return fitted

    def _fit(self, inputs: Array, targets: Array, seed: int = 0) -> Trained:
        return self.model().fit(inputs, targets, CLASSES, np.random.default_rng(seed), self.threads)

    def _fitted(self, seed: int = 0) -> Trained:
        return self._fit(*self._examples(90, seed=0), seed=seed)

    def _examples(self, rows: int, seed: int) -> tuple[Array, npt.NDArray[np.int64]]:
        """Return inputs of three well separated classes, and which class each is of."""
        rng = np.random.default_rng(seed)
        group = np.arange(rows) % len(SEEN)
        targets = np.asarray(SEEN, np.int64)[group]
        model = self.model()
        if model.inputs == "embeddings":
            return (rng.normal(size=(rows, 6)) + 4 * np.eye(6)[group]).astype(np.float32), targets
        assert isinstance(model, ImageModel)
        side = model.image_size
        images = rng.integers(0, 100, (rows, side, side, 3), dtype=np.uint8)
        band = np.arange(side) * len(SEEN) // side
        images[(band == group[:, None])[:, :, None, None] & np.ones_like(images, bool)] += 120
        return images, targets


def bomb(marker: Path) -> bytes:
    """Return a pickle that creates the file `marker` when something unpickles it."""
    return f"cbuiltins\nopen\n(V{marker}\nVw\ntR.".encode()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}


def _draw_from_global_generators() -> None:
    random.random()  # noqa: S311
    np.random.random()  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].rand(1)


def _global_states() -> tuple[object, ...]:
    numpy_state = repr(np.random.get_state())  # noqa: NPY002
    torch_state = sys.modules["torch"].get_rng_state().tolist() if "torch" in sys.modules else None
    return random.getstate(), numpy_state, torch_state
