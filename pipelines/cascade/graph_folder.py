"""The folder of a built cascade: transducers as OpenFst files, tables and codebooks in safetensors, the rest in graph.json."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asl.models.features.tiers import FORM, FORMS, FUSED, NO_GLOSS, PLAIN
from asl.models.units import part_scores
from asl.pipelines.cascade.units.codebooks import Coder, coder_from_arrays
from asl.pipelines.cascade.units.frame_labels import FrameLabels
from asl.pipelines.cascade.units.gaussian_emissions import GaussianEmissions, emissions_from_arrays
from asl.pipelines.recogniser.model import Model, find_made_folder
from asl.pipelines.recogniser.reading import Reading
from asl.pipelines.workspace.errors import AslError, BadInput, StageMissing
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import GRAPH_STAGES, Workspace
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.pipelines.workspace.tensor_files import load_arrays, save_arrays, with_prefix
from asl.transducers.alphabet import Alphabet
from asl.transducers.decoder import BestPath, Decoder, SearchOptions, read_graph, single_word_graph
from asl.transducers.glossing import join_letters
from asl.transducers.level_names import FULL_CASCADE, file_name

CARD, TABLES = "graph.json", "tables.safetensors"
#: The graph that stage 3 searches for competitors.
COMPETITORS = "rivals.fst"
SCORE_WEIGHTS = ("encoder_weight", "code_weight", "density_weight", "gate_weight")
#: Value of `Graph.label_forms` for the rest between signs.
NO_FORM = -1
REBUILD_HINT = "build it again: asl build-fst --force"
#: Lower bound of posteriors before their logarithm is taken.
MIN_POSTERIOR = 1e-6
FORMAT_VERSION = 2
#: The exceptions that reading a damaged graph may raise.
DAMAGE_ERRORS = (
    OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, RecursionError, OverflowError,
)  # fmt: skip
MAX_CARD_BYTES, MAX_LABELS = 256 << 20, 5_000_000


@dataclass(frozen=True)
class Graph:
    """A cascade, and everything that its frame scores are computed from (SPEC §10, Emission).

    alphabet: glosses of the cascade. coder: codebooks; None if the features have no phonology, and `tables` is empty then.
    tables: part → (U, K + 1). rows: (N, P), gloss, peak, unit: (N,), as in FrameLabels. rest: the label between signs, or 0.
    densities: Gaussian emissions of the units, if they are used. bias: (N,) nats per frame that stage 3 learned for each label,
    or None. gate_weight: of the gate that predicts whether a sign is fused. fused: labels of fused forms (SPEC §9).
    """

    folder: Path
    alphabet: Alphabet
    coder: Coder | None
    tables: Mapping[str, np.ndarray]
    rows: np.ndarray
    gloss: np.ndarray
    peak: np.ndarray
    unit: np.ndarray
    rest: int
    encoder_weight: float
    code_weight: float
    density_weight: float
    card: Mapping[str, Any]
    densities: GaussianEmissions | None = None
    bias: np.ndarray | None = None
    gate_weight: float = 0.0
    fused: tuple[int, ...] = ()

    def scores(self, reading: Reading) -> np.ndarray:
        """(T, N) weighted score of each label in each frame."""
        total = self.encoder_weight * self.encoder_part(reading)
        codes = self.code_part(reading) if self.code_weight else None
        if codes is not None:
            total = total + self.code_weight * codes
        return total + self.remaining_part(reading)

    def encoder_part(self, reading: Reading) -> np.ndarray:
        """(T, N) scores by the encoder, from the mean over its views; unweighted."""
        mean = np.logaddexp.reduce(np.stack(reading.views), axis=0) - np.log(len(reading.views))
        return encoder_scores(mean, self.gloss, self.peak)

    def code_part(self, reading: Reading) -> np.ndarray | None:
        """(T, N) scores by the tables of codes, unweighted; None without codebooks."""
        if self.coder is None:
            return None
        return table_scores(self.coder.clip_codes(reading.features, reading.feature_set), self.tables, self.rows)

    def density_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N) scores by the Gaussian emissions, weighted; 0 without them."""
        if self.densities is None or not self.density_weight:
            return 0.0
        return self.density_weight * self.densities.scores(reading.features, reading.feature_set)[:, self.unit]

    def remaining_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N) sum of all scores but encoder and codes, weighted: emissions, gate and bias; 0 if there are none."""
        total = self.density_part(reading) + self.gate_weight * self.gate_part(reading)
        return total if self.bias is None else total + self.bias

    def gate_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N) log α for plain signs, log (1 − α) for fused ones, unweighted; 0 if the model has no gate."""
        if not self.gate_weight or FORM not in reading.phonology:
            return 0.0
        return gate_scores(np.log(np.maximum(reading.phonology[FORM], MIN_POSTERIOR)), self.label_forms)

    @cached_property
    def label_forms(self) -> np.ndarray:
        """(N,) index in FORMS of each label, NO_FORM for the frames between signs."""
        forms = np.where(self.gloss == NO_GLOSS, NO_FORM, FORMS.index(PLAIN))
        forms[np.array(self.fused, dtype=int) - 1] = FORMS.index(FUSED)
        if self.rest:
            forms[self.rest - 1] = NO_FORM
        return forms

    def decoder(self, settings: DecodeSettings) -> Decoder:
        return Decoder(self.search_graph, search_options(settings))

    def best_path(self, reading: Reading, settings: DecodeSettings) -> BestPath:
        return self.decoder(settings).decode(self.scores(reading))

    @cached_property
    def single_sign_graph(self):
        """The paths of the cascade that read exactly one gloss, for clips of one sign."""
        return single_word_graph(self.search_graph, len(self.alphabet))

    def words(self, path: BestPath) -> list[str]:
        """The glosses of a path; adjacent single letters are joined to one name."""
        return [gloss for gloss, _, _ in join_letters(self.alphabet.names(path.words))]

    @cached_property
    def levels(self) -> dict[str, Any]:
        """C, M, D and L∘G, for explanations. Raises BadInput if their files are damaged."""
        from asl.transducers.cascade import read_levels  # Pynini is not needed to translate

        try:
            return read_levels(self.folder)
        except ValueError as error:
            raise BadInput(f"the graph in {self.folder} is damaged: {error}", REBUILD_HINT) from error

    @cached_property
    def search_graph(self):
        """The composed graph H∘C∘M∘D∘L∘G, read once as it may be large. Raises BadInput if its file is damaged."""
        try:
            return read_graph(self.folder / file_name(FULL_CASCADE))
        except (ValueError, OSError) as error:
            raise BadInput(f"the graph in {self.folder} is damaged: {error}", REBUILD_HINT) from error


def search_options(settings: DecodeSettings) -> SearchOptions:
    return SearchOptions(settings.graph_beam, settings.most_active)


def encoder_scores(log_probs: np.ndarray, gloss: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """(T, V + 1) CTC log-probabilities → (T, N): a gloss at its peak, gloss or blank beside it, blank between signs.

    A path through a sign therefore scores as in CTC: blanks, the gloss at least once, blanks.
    """
    blank = log_probs[:, :1]
    gloss_or_blank = np.logaddexp(log_probs, blank)
    scores = np.where(peak, log_probs[:, gloss], gloss_or_blank[:, gloss])
    return np.where(gloss == NO_GLOSS, blank, scores).astype(np.float32)


def table_scores(codes: np.ndarray, tables: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(T, P) codes, (N, P) rows of the tables → (T, N) Σ over the parts of log B_J (SPEC §10)."""
    total = np.zeros((len(codes), len(rows)), dtype=np.float32)
    for p, table in enumerate(tables.values()):
        total += part_scores(codes[:, p], table)[:, rows[:, p]]
    return total


def gate_scores(log_forms: np.ndarray, label_forms: np.ndarray) -> np.ndarray:
    """(T, 2) log-probabilities of FORMS, (N,) form of each label → (T, N), 0 for labels of NO_FORM."""
    return np.concatenate([log_forms, np.zeros((len(log_forms), 1), dtype=log_forms.dtype)], axis=1)[:, label_forms]


# On disk -------------------------------------------------------------------------------------------------------------
def save_graph(graph: Graph, labels: FrameLabels, model: Model, card: Mapping[str, Any]) -> None:
    """Writes graph.json and the tables into the graph's folder, where `Cascade.write` has put the transducers."""
    arrays = {f"table.{name}": np.asarray(table, dtype=np.float32) for name, table in graph.tables.items()}
    if graph.coder:
        arrays |= {f"coder.{name}": array for name, array in graph.coder.arrays().items()}
    if graph.densities:
        arrays |= {f"densities.{name}": array for name, array in graph.densities.arrays().items()}
    if graph.bias is not None:
        arrays["bias"] = graph.bias
    save_arrays(graph.folder / TABLES, arrays)
    record = {
        **card,
        "version": FORMAT_VERSION,
        "glosses": list(graph.alphabet.glosses),
        "rest": graph.rest,
        "parts": list(graph.tables),
    }
    record |= {name: getattr(graph, name) for name in SCORE_WEIGHTS}
    record |= {"fused": list(graph.fused), "densities": graph.densities is not None}
    record |= {"model": model.weights_hash, "columns": vars(labels)}
    # With the hashes of the other files, the card's own hash stands for the whole graph.
    files = [name for name in (TABLES, COMPETITORS, file_name(FULL_CASCADE)) if (graph.folder / name).is_file()]
    record |= {"files": {name: file_hash(graph.folder / name) for name in files}}
    write_json(graph.folder / CARD, record)


def load_graph(folder: Path, model: Model) -> Graph:
    """Reads a graph. Raises BadInput if there is none, or it is damaged, of another format, or built for another model."""
    file = folder / CARD
    if not file.is_file():
        raise BadInput(f"{folder} has no graph (no {CARD})", "name a folder below graphs/, or build one: asl build-fst")
    try:
        card = read_record(file, newest=FORMAT_VERSION, max_bytes=MAX_CARD_BYTES, hint=REBUILD_HINT)
        if card["version"] < FORMAT_VERSION:
            raise BadInput(f"{file} was written by an earlier asl (version {card['version']})", REBUILD_HINT)
        if card["model"] != model.weights_hash:
            raise BadInput(
                f"the graph {folder.name} was built for another model than {model.folder.name}",
                f"build one for it: asl build-fst --model {shlex.quote(model.folder.name)}",
            )
        _check_files(folder, card.get("files", {}))
        return _graph(folder, card, len(model.alphabet))
    except DAMAGE_ERRORS as error:
        raise BadInput(f"the graph in {folder} is damaged: {error}", REBUILD_HINT) from error
    except AslError as error:
        raise BadInput(error.message, error.hint or REBUILD_HINT) from error


def _graph(folder: Path, card: Mapping[str, Any], glosses: int) -> Graph:
    """The graph of a card. glosses: how many the model knows. Raises one of DAMAGE_ERRORS if anything does not fit."""
    arrays = load_arrays(folder / TABLES)
    tables = {name: arrays[f"table.{name}"] for name in card["parts"]}
    coder = coder_from_arrays(with_prefix(arrays, "coder.")) if tables else None
    labels = FrameLabels(**card["columns"])
    if not 0 < len(labels.rows) <= MAX_LABELS:
        raise ValueError(f"{len(labels.rows)} labels")
    rows = np.array(labels.rows, dtype=int).reshape(len(labels.rows), len(tables))
    if any(rows[:, p].max() >= len(table) for p, table in enumerate(tables.values())):
        raise ValueError("labels that are not in the tables")
    densities = emissions_from_arrays(with_prefix(arrays, "densities.")) if card["densities"] else None
    gloss, peak = np.array(labels.gloss, dtype=int), np.array(labels.peak, dtype=bool)
    unit = np.array(labels.unit, dtype=int)
    if {len(rows), len(gloss), len(peak), len(unit)} != {len(rows)} or rows.min(initial=0) < 0:
        raise ValueError("label fields of different lengths, or negative rows")
    if not NO_GLOSS <= gloss.min() <= gloss.max() <= glosses:
        raise ValueError("labels of glosses that the model does not have")
    if densities and not 0 <= unit.min() <= unit.max() < len(densities.gaussians.means):
        raise ValueError("labels of units that have no densities")
    *weights, gate_weight = (float(card.get(name, 0.0)) for name in SCORE_WEIGHTS)
    fused, bias = tuple(map(int, card.get("fused", ()))), arrays.get("bias")
    if not all(1 <= label <= len(rows) for label in fused) or (bias is not None and bias.shape != (len(rows),)):
        raise ValueError("fused labels or biases of labels that do not exist")
    return Graph(
        folder, Alphabet(tuple(map(str, card["glosses"]))), coder, tables, rows, gloss, peak, unit, int(card["rest"]), *weights,
        card, densities, bias, gate_weight, fused,
    )  # fmt: skip


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raises ValueError if a file is not as it was built. Files that a bundle leaves out are not checked."""
    for name, digest in files.items():
        if (file := folder / Path(name).name).is_file() and file_hash(file) != digest:
            raise ValueError(f"{name} is not what was built")


def frame_labels_of(graph: Graph) -> FrameLabels:
    """The frame labels that a graph was saved with."""
    return FrameLabels(**graph.card["columns"])


def find_graph(workspace: Workspace | None, given: str | None, stages: Sequence[str] = GRAPH_STAGES) -> Path:
    """The folder of a graph, given by path or by name below graphs/. Default: the newest that one of these stages built.

    Raises BadInput or StageMissing if there is none.
    """
    if given:
        return find_made_folder(
            workspace.graphs if workspace else None, given, CARD, "graph", "this workspace has none yet; build one: asl build-fst"
        )
    newest = workspace.newest(stages, "graph") if workspace else ""
    if not newest:
        raise StageMissing("no cascade has been built yet", "asl build-fst")
    return workspace.inside(f"graphs/{newest}")
