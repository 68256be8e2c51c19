"""Assembly of a cascade: from alignments and weights to its six levels, and to the scores that it reads."""

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
from asl.transducers.cascade import KnowledgeSources
from asl.transducers.level_names import FULL_CASCADE, file_name
from asl.transducers.references import bound_reference_share, loci_of, nouns_of

#: References are tracked only if this share of the training sentences binds each of them.
MIN_BOUND_SHARE = 0.95


@dataclass
class Assembly:
    """Everything that does not depend on the tuned weights. settings: stays, units, variants and levels are taken from these.

    features: (T, size) of every clip of the workspace, by index.
    """

    alignments: Alignments
    model: TrainedModel
    coder: Coder | None
    language: Language
    glosses: tuple[str, ...]
    settings: GraphSettings
    features: Sequence[np.ndarray]
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def inventory(self) -> Inventory:
        sizes = self.coder.sizes if self.coder else {}
        sign_codes, settings = self.alignments.sign_codes, self.settings
        if not settings.fusion:
            sign_codes = {glosses: codes for glosses, codes in sign_codes.items() if len(glosses) == 1}
        return learn_inventory(
            sign_codes, self.alignments.letter_codes, self.alignments.rest_codes, sizes, stays=settings.stays,
            tie=settings.units, max_variants=settings.variants, names=self.glosses,
        )  # fmt: skip

    @cached_property
    def emissions(self) -> GaussianEmissions:
        features = {i: self.features[i] for i in self.alignments.clips}
        return fit_emissions(self.alignments, self.inventory, features, self.model)

    @cached_property
    def loci(self) -> list[str]:
        """The loci that are tracked; none if too few of the training sentences follow the rules of reference."""
        loci, sentences = loci_of(self.glosses), self.alignments.sentences
        if not self.settings.discourse or not loci:
            return []
        bound_share = bound_reference_share(sentences, loci, nouns_of(sentences))
        if bound_share < MIN_BOUND_SHARE:
            self.warnings.append(f"discourse is off: {1 - bound_share:.0%} of the training sentences have an unbound reference")
            return []
        return loci

    def signs(self, settings: GraphSettings) -> CascadeSigns:
        encoder = {gloss: self.model.alphabet.label(gloss) for gloss in self.glosses if gloss in self.model.alphabet}
        return cascade_signs(
            self.inventory, self.glosses, encoder, labels_per_sign=settings.encoder_weight > 0 or settings.tune,
            every_frame=self.model.trained_on_frames, nouns=nouns_of(self.alignments.sentences), loci=self.loci,
            margin=settings.fusion_margin, fused_shares=fused_shares(self.alignments.clip_segments),
            coarticulation=self.coarticulation(settings), letter_cost=settings.letter_cost if settings.letters else 0.0,
        )  # fmt: skip

    def coarticulation(self, settings: GraphSettings) -> Coarticulation:
        """Raises BadInput if the settings ask for coarticulation but there are no codebooks."""
        if not (settings.assimilation or settings.reduction or settings.anticipation):
            return Coarticulation()
        if self.coder is None:
            raise BadInput("changes by coarticulation need codes, but these features have none", "train with --features phon36")
        distances = {part: _distances(self.coder, part) for part in ("H", "L")}
        return Coarticulation(settings.assimilation, settings.reduction, settings.anticipation, distances=distances)

    def knowledge(self, signs: CascadeSigns, settings: GraphSettings) -> KnowledgeSources:
        return KnowledgeSources(
            self.glosses, tuple(signs.labels.durations), tuple(signs.context_classes), tuple(signs.pronunciations),
            self.language.model, signs.references, tuple(signs.forms), tuple(signs.changes), signs.rest,
            settings.language_weight, settings.penalty, self.min_durations(signs, settings.shortest),
            self.max_durations(signs, settings),
        )  # fmt: skip

    @staticmethod
    def min_durations(signs: CascadeSigns, share: float) -> tuple[int, ...]:
        """(N,) minimum frames of each label: a share of its mean; 1 for the rest."""
        frames = [max(1, round(share * mean)) for mean in signs.labels.durations]
        return tuple(1 if label == signs.rest else count for label, count in enumerate(frames, 1))

    @classmethod
    def max_durations(cls, signs: CascadeSigns, settings: GraphSettings) -> tuple[int, ...]:
        """(N,) maximum frames of each label, 0 for no limit, as for the rest; () if no label has a limit."""
        if not settings.longest:
            return ()
        shortest = cls.min_durations(signs, settings.shortest)
        frames = [math.ceil(settings.longest * mean) for mean in signs.labels.durations]
        return tuple(0 if label == signs.rest else max(shortest[label - 1], count) for label, count in enumerate(frames, 1))

    def build(self, settings: GraphSettings, folder: Path) -> tuple[CascadeSigns, Graph, BuildFigures]:
        """Builds the transducers with these weights into the folder."""
        signs = self.signs(settings)
        figures = build_bounded(self.knowledge(signs, settings), folder, prune=settings.prune, max_gb=settings.max_memory)
        return signs, self.graph(signs, settings, folder), figures

    def build_competitors(self, signs: CascadeSigns, settings: GraphSettings, folder: Path) -> None:
        """Writes COMPETITORS: the same cascade with a unigram G.

        Stage 3 searches it for competitors. The full G has seen the training sentences, and would hide what the encoder
        confuses (hence a weak language model, as in Povey, 2003).
        """
        knowledge = replace(self.knowledge(signs, settings), language=self.language.unigram)
        with tempfile.TemporaryDirectory(prefix="asl-") as name:
            build_bounded(knowledge, Path(name), prune=settings.prune, max_gb=settings.max_memory)
            shutil.move(Path(name) / file_name(FULL_CASCADE), folder / COMPETITORS)

    def graph(self, signs: CascadeSigns, settings: GraphSettings, folder: Path) -> Graph:
        labels, densities = signs.labels, self.emissions if settings.density_weight else None
        rows = np.array(labels.rows, dtype=int).reshape(len(labels.rows), len(signs.tables))
        weights = settings.encoder_weight, settings.code_weight, settings.density_weight
        return Graph(
            folder, Alphabet(self.glosses), self.coder, signs.tables, rows, np.array(labels.gloss), np.array(labels.peak),
            np.array(labels.unit), signs.rest, *weights, {"names": labels.names}, densities,
            fused=tuple(sorted({label for form in signs.forms for label in form.units})),
        )  # fmt: skip


def _distances(coder: Coder, part: str) -> np.ndarray:
    """(K, K) distances between the entries of a codebook, in units of their mean."""
    entries = coder.books[part]
    distances = np.linalg.norm(entries[:, None] - entries[None], axis=-1)
    return distances / max(distances[~np.eye(len(entries), dtype=bool)].mean(), 1e-9)


def glosses_in(alignments: Alignments) -> tuple[str, ...]:
    """All glosses of the aligned signs, sorted."""
    return tuple(sorted(set(itertools.chain.from_iterable(alignments.sign_codes))))


def text_warnings(language: Language) -> Sequence[str]:
    """A warning about words of the text that are not in the vocabulary, if there are any."""
    if not language.missing:
        return []
    frequent = ", ".join(word for word, _ in language.missing.most_common(5))
    return [f"words of the text that have no gloss here and count as unknown: {len(language.missing)} ({frequent}, …)"]
