"""From material and weights to a cascade: what its six levels say, and what it reads of a frame."""

import itertools
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from asl.pipelines.cascade.bounded_build import BuildFigures, build_bounded
from asl.pipelines.cascade.graph_folder import COMPETITORS, Graph
from asl.pipelines.cascade.language import Language
from asl.pipelines.cascade.units.alignments import Alignments
from asl.pipelines.cascade.units.coarticulation import Coarticulation
from asl.pipelines.cascade.units.codebooks import Coder
from asl.pipelines.cascade.units.gaussian_emissions import GaussianEmissions, fit_emissions
from asl.pipelines.cascade.units.inventory import Inventory, learn_inventory
from asl.pipelines.cascade.units.pronunciations import CascadeSigns, cascade_signs
from asl.pipelines.cascade.units.segments import fused_shares
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.alphabet import Alphabet
from asl.transducers.cascade import Knowledge
from asl.transducers.level_names import WHOLE, file_name
from asl.transducers.references import keeps_references, loci_of, nouns_of

#: References are followed where so many of the training sentences keep to the rule that each is bound.
MIN_BOUND_SHARE = 0.95


@dataclass
class Assembly:
    """What does not hang on the weights that are tuned. settings: whose stays, units, variants and levels count.

    features: (T, size) of every clip, the material's among them.
    """

    material: Alignments
    model: TrainedModel
    coder: Coder | None
    spoken: Language
    glosses: tuple[str, ...]
    settings: GraphSettings
    features: Sequence[np.ndarray]
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def inventory(self) -> Inventory:
        sizes = self.coder.sizes if self.coder else {}
        own, settings = self.material.segments, self.settings
        if not settings.fusion:
            own = {said: codes for said, codes in own.items() if len(said) == 1}
        return learn_inventory(
            own, self.material.letters, self.material.rests, sizes, stays=settings.stays, tie=settings.units,
            most_variants=settings.variants, names=self.glosses,
        )  # fmt: skip

    @cached_property
    def densities(self) -> GaussianEmissions:
        return fit_emissions(self.material, self.inventory, {i: self.features[i] for i in self.material.clips}, self.model)

    @cached_property
    def loci(self) -> list[str]:
        """The loci that are followed; none where the training sentences do not keep to the rules."""
        loci, sentences = loci_of(self.glosses), self.material.sentences
        if not self.settings.discourse or not loci:
            return []
        kept = keeps_references(sentences, loci, nouns_of(sentences))
        if kept < MIN_BOUND_SHARE:
            self.warnings.append(f"discourse is off: in {1 - kept:.0%} of the training sentences a reference is not bound")
            return []
        return loci

    def signs(self, settings: GraphSettings) -> CascadeSigns:
        encoder = {gloss: self.model.alphabet.label(gloss) for gloss in self.glosses if gloss in self.model.alphabet}
        own = settings.encoder_weight > 0 or settings.tune
        return cascade_signs(
            self.inventory, self.glosses, encoder, own_columns=own, throughout=self.model.names_every_frame,
            nouns=nouns_of(self.material.sentences), loci=self.loci,
            margin=settings.fusion_margin, fused_shares=fused_shares(self.material.found),
            neighbours=self.neighbours(settings), letter_cost=settings.letter_cost if settings.letters else 0.0,
        )  # fmt: skip

    def neighbours(self, settings: GraphSettings) -> Coarticulation:
        if not (settings.assimilation or settings.reduction or settings.anticipation):
            return Coarticulation()
        if self.coder is None:
            raise BadInput("changes in context need codes, which these features do not hold", "train with --features phon36")
        distances = {part: _distances(self.coder, part) for part in ("H", "L")}
        return Coarticulation(settings.assimilation, settings.reduction, settings.anticipation, distances=distances)

    def knowledge(self, signs: CascadeSigns, settings: GraphSettings) -> Knowledge:
        return Knowledge(
            self.glosses, tuple(signs.columns.durations), tuple(signs.places), tuple(signs.pronunciations), self.spoken.model,
            signs.references, tuple(signs.forms), tuple(signs.changes), signs.rest, settings.language_weight, settings.penalty,
            self.shortest(signs, settings.shortest), self.longest(signs, settings),
        )  # fmt: skip

    @staticmethod
    def shortest(signs: CascadeSigns, share: float) -> tuple[int, ...]:
        """(N,) frames that each label takes at least; a rest may be of any length."""
        found = [max(1, round(share * one)) for one in signs.columns.durations]
        return tuple(1 if label == signs.rest else few for label, few in enumerate(found, 1))

    @classmethod
    def longest(cls, signs: CascadeSigns, settings: GraphSettings) -> tuple[int, ...]:
        """(N,) frames that each label takes at most, 0 for any number; () if none has an end. A rest has none."""
        if not settings.longest:
            return ()
        least = cls.shortest(signs, settings.shortest)
        found = [math.ceil(settings.longest * one) for one in signs.columns.durations]
        return tuple(0 if label == signs.rest else max(least[label - 1], most) for label, most in enumerate(found, 1))

    def build(self, settings: GraphSettings, folder: Path) -> tuple[CascadeSigns, Graph, BuildFigures]:
        """Builds with these weights into the folder."""
        signs = self.signs(settings)
        built = build_bounded(self.knowledge(signs, settings), folder, prune=settings.prune, max_gb=settings.max_memory)
        return signs, self.graph(signs, settings, folder), built

    def build_rivals(self, signs: CascadeSigns, settings: GraphSettings, folder: Path) -> None:
        """Writes RIVALS: the cascade with glosses as likely as they are alone.

        Stage 3 looks for what competes in it: G has learned the very sentences that are trained on, and would hide what the
        encoder confuses (a weak language model, as in Povey, 2003).
        """
        known = replace(self.knowledge(signs, settings), language=self.spoken.alone)
        with tempfile.TemporaryDirectory(prefix="asl-") as name:
            build_bounded(known, Path(name), prune=settings.prune, max_gb=settings.max_memory)
            shutil.move(Path(name) / file_name(WHOLE), folder / COMPETITORS)

    def graph(self, signs: CascadeSigns, settings: GraphSettings, folder: Path) -> Graph:
        own, densities = signs.columns, self.densities if settings.density_weight else None
        rows = np.array(own.rows, dtype=int).reshape(len(own.rows), len(signs.tables))
        weights = settings.encoder_weight, settings.code_weight, settings.density_weight
        return Graph(
            folder, Alphabet(self.glosses), self.coder, signs.tables, rows, np.array(own.gloss), np.array(own.peak),
            np.array(own.unit), signs.rest, *weights, {"names": own.names}, densities,
            fused=tuple(sorted({label for form in signs.forms for label in form.units})),
        )  # fmt: skip


def _distances(coder: Coder, part: str) -> np.ndarray:
    """(K, K) between the entries of a codebook, in their mean distance."""
    entries = coder.books[part]
    distances = np.linalg.norm(entries[:, None] - entries[None], axis=-1)
    return distances / max(distances[~np.eye(len(entries), dtype=bool)].mean(), 1e-9)


def glosses_in(material: Alignments) -> tuple[str, ...]:
    return tuple(sorted(set(itertools.chain.from_iterable(material.segments))))


def text_warnings(spoken: Language) -> Sequence[str]:
    if not spoken.missing:
        return []
    usual = ", ".join(word for word, _ in spoken.missing.most_common(5))
    return [f"{len(spoken.missing)} words of the text stand for no sign here and count as unknown: {usual}, …"]
