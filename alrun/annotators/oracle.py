"""Known labels stand in for people: simulation through the very queue and stages that people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from alrun.errors import ConfigError
from alrun.parts import in_parts
from alrun.platform.port import KnowsTruth, Platform, Staffed
from alrun.platform.writes import Approve, PeopleWrite, SaveLabels, Submit
from alrun.progress import track
from alrun.seeds import generator
from alrun.types import Answer, Label, Ontology, QuestionKind, StageType

CHUNK = 500

SHOWN = 5
"""How many images to name that cannot be labelled."""


@dataclass(frozen=True)
class Oracle:
    """Label what is in the annotation stage with the dataset's labels, submit it and approve it.

    Attributes
    ----------
    error_rate
        The chance, in 0..1, that a radio answer or an object's class is replaced by another one. Whether and
        how an image is mislabelled depends on the run's seed and the image alone: strategies that choose the
        same image get the same mistake.
    actor
        The e-mail address that the platform records.
    """

    error_rate: Annotated[float, Ge(0), Le(1)] = 0.0
    actor: str = "oracle@alrun"
    poll_seconds: Annotated[float, Ge(1)] = 1.0

    def check(self, platform: Platform, data_hashes: Sequence[str]) -> None:
        """Find out whether the label of each image is known.

        Raises
        ------
        ConfigError
            If the platform does not know any, or not all.
        """
        if not isinstance(platform, KnowsTruth) or not isinstance(platform, Staffed):
            raise ConfigError(
                "annotator=oracle needs a project made from a labelled dataset, and this platform knows no labels: "
                "choose annotator=human"
            )
        known = platform.truth(data_hashes)
        unknown = [name for name in data_hashes if name not in known]
        if unknown:
            titles = sorted(task.title for task in platform.tasks(unknown[:SHOWN]))
            more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
            raise ConfigError(
                f"annotator=oracle does not know the label of {len(unknown)} of the {len(data_hashes)} images that may "
                f"be chosen: {', '.join(map(repr, titles))}{more}. To leave them out, add `label_known: true` to the "
                "filters (filters=answerable is filters=ready with it); or give the dataset labels for them, or choose "
                "annotator=human"
            )

    def label(self, platform: Platform, data_hashes: Sequence[str], seed: int) -> None:
        """Take every image that is still on its way through annotation and review to the done stage."""
        if not isinstance(platform, KnowsTruth) or not isinstance(platform, Staffed):
            raise TypeError(type(platform))
        project = platform.project()
        types = {stage.uuid: stage.type for stage in project.stages}
        size = min(CHUNK, platform.limits.listing)
        for chunk in track(in_parts(data_hashes, size), "the oracle labels"):
            truth = {h: self._answer(label, project.ontology, seed, h) for h, label in platform.truth(chunk).items()}
            while requests := self._next(platform, types, chunk, truth):
                for request in requests:
                    platform.act(request)

    def _next(
        self, platform: Platform, types: dict[str, StageType], chunk: Sequence[str], truth: dict[str, Label]
    ) -> list[PeopleWrite]:
        """Return what takes each task one stage further; nothing once all are done."""
        tasks = platform.tasks(chunk)
        annotating = tuple(t.ref for t in tasks if types[t.stage] is StageType.ANNOTATION)
        reviewing = tuple(t.ref for t in tasks if types[t.stage] is StageType.REVIEW)
        requests: list[PeopleWrite] = []
        if annotating:
            labels = tuple(truth[ref.data_hash] for ref in annotating)
            requests += [SaveLabels(annotating, labels, self.actor), Submit(annotating, self.actor)]
        if reviewing:
            requests.append(Approve(reviewing, self.actor))
        return requests

    def _answer(self, label: Label, ontology: Ontology, seed: int, data_hash: str) -> Label:
        if self.error_rate == 0:
            return label
        rng = generator(seed, 0, f"oracle {data_hash}")
        radio = {q.name: q.options for q in ontology.questions if q.kind is QuestionKind.RADIO}
        answers = tuple(
            Answer(a.question, (self._slip(a.values[0], radio[a.question], rng),)) if a.question in radio else a
            for a in label.answers
        )
        objects = tuple(replace(o, name=self._slip(o.name, ontology.objects, rng)) for o in label.objects)
        return Label(answers, objects)

    def _slip(self, right: str, options: Sequence[str], rng: np.random.Generator) -> str:
        wrong = [option for option in options if option != right]
        if wrong and rng.random() < self.error_rate:
            return wrong[rng.integers(len(wrong))]
        return right
