"""A built cascade's folder: its transducers as OpenFst files, tables and codebooks in safetensors, the rest in graph.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asl.models.features.tiers import FORM, FORMS, FUSED, PLAIN
from asl.models.units import part_scores
from asl.pipelines.cascade.units.codebooks import Coder, coder_from_arrays
from asl.pipelines.cascade.units.frame_labels import NO_GLOSS, FrameLabels
from asl.pipelines.cascade.units.gaussian_emissions import GaussianEmissions, emissions_from_arrays
from asl.pipelines.recogniser.model import Model, made_folder
from asl.pipelines.recogniser.reading import Reading
from asl.pipelines.workspace.errors import AslError, BadInput, StageMissing
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import GRAPH_STAGES, Workspace
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.pipelines.workspace.tensor_files import load_arrays, part, save_arrays
from asl.transducers.alphabet import Alphabet
from asl.transducers.decoder import BestPath, Decoder, Options, read_graph
from asl.transducers.glossing import spelled_together
from asl.transducers.level_names import WHOLE, file_name

CARD, TABLES = "graph.json", "tables.safetensors"
#: The graph that stage 3 looks for what competes in.
COMPETITORS = "rivals.fst"
SCORE_WEIGHTS = ("encoder_weight", "code_weight", "density_weight", "gate_weight")
NO_FORM = -1
REBUILD_HINT = "build it again: asl build-fst --force"
#: What a posterior is at least before its logarithm is taken.
MIN_POSTERIOR = 1e-6
FORMAT_VERSION = 2
#: What reading a damaged graph raises, one or the other.
DAMAGE_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    RuntimeError,
    RecursionError,
    OverflowError,
)
MAX_CARD_BYTES, MAX_LABELS = 256 << 20, 5_000_000


@dataclass(frozen=True)
class Graph:
    """A cascade and what its frame scores are made of (SPEC §10, Emission).

    alphabet: its glosses. coder: codes of features; None where the features hold no phonology, and tables is empty then.
    tables: part → (U, K + 1). rows: (N, P); gloss, peak, unit: (N,), as in Columns. rest: the label between signs, or 0.
    densities: of units, where they have a say. bias: (N,) nats that stage 3 found each frame in a label to cost less, or None;
    gate_weight: of the gate that says whether a sign is fused, of the labels `fused` (SPEC §9).
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
        """(T, N) what the cascade reads of each frame."""
        total = self.encoder_weight * self.encoder_part(reading)
        codes = self.code_part(reading) if self.code_weight else None
        if codes is not None:
            total = total + self.code_weight * codes
        return total + self.rest_part(reading)

    def encoder_part(self, reading: Reading) -> np.ndarray:
        """(T, N), of the mean over the views."""
        mean = np.logaddexp.reduce(np.stack(reading.views), axis=0) - np.log(len(reading.views))
        return encoder_scores(mean, self.gloss, self.peak)

    def code_part(self, reading: Reading) -> np.ndarray | None:
        """(T, N); None without codebooks."""
        if self.coder is None:
            return None
        return table_scores(self.coder.clip_codes(reading.features, reading.feature_set), self.tables, self.rows)

    def density_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N), weighted; 0 without densities."""
        if self.densities is None or not self.density_weight:
            return 0.0
        return self.density_weight * self.densities.scores(reading.features, reading.feature_set)[:, self.unit]

    def rest_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N) all that is neither encoder nor codes, weighted; 0 without densities, gate and biases."""
        rest = self.density_part(reading) + self.gate_weight * self.gate_part(reading)
        return rest if self.bias is None else rest + self.bias

    def gate_part(self, reading: Reading) -> np.ndarray | float:
        """(T, N) log α of plain signs and log (1 − α) of fused ones; 0 where the model has no gate."""
        if not self.gate_weight or FORM not in reading.phonology:
            return 0.0
        return gate_scores(np.log(np.maximum(reading.phonology[FORM], MIN_POSTERIOR)), self.gate_columns)

    @cached_property
    def gate_columns(self) -> np.ndarray:
        """(N,) which of FORMS a column is, NEITHER for the frames between signs."""
        columns = np.where(self.gloss == NO_GLOSS, NO_FORM, FORMS.index(PLAIN))
        columns[np.array(self.fused, dtype=int) - 1] = FORMS.index(FUSED)
        if self.rest:
            columns[self.rest - 1] = NO_FORM
        return columns

    def decoder(self, settings: DecodeSettings) -> Decoder:
        return Decoder(self.whole, Options(settings.graph_beam, settings.most_active))

    def best_path(self, reading: Reading, settings: DecodeSettings) -> BestPath:
        return self.decoder(settings).decode(self.scores(reading))

    def words(self, path: BestPath) -> list[str]:
        """The glosses of a path; letters that follow one another are one name."""
        return [gloss for gloss, _, _ in spelled_together(self.alphabet.names(path.words))]

    @cached_property
    def levels(self) -> dict[str, Any]:
        """C, M, D and L∘G, to explain paths with."""
        from asl.transducers.cascade import read_levels  # Pynini is not needed to translate

        try:
            return read_levels(self.folder)
        except ValueError as error:
            raise BadInput(f"the graph in {self.folder} is damaged: {error}", REBUILD_HINT) from error

    @cached_property
    def whole(self):
        """The composed graph; read once, as a large one takes a while."""
        try:
            return read_graph(self.folder / file_name(WHOLE))
        except (ValueError, OSError) as error:
            raise BadInput(f"the graph in {self.folder} is damaged: {error}", REBUILD_HINT) from error


def encoder_scores(log_probs: np.ndarray, gloss: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """(T, V + 1) CTC log-probabilities → (T, N): a gloss at its peak, gloss or blank beside it, blank between signs.

    So a path through a sign says what CTC says: blanks, then the gloss at least once, then blanks.
    """
    blank = log_probs[:, :1]
    beside = np.logaddexp(log_probs, blank)
    out = np.where(peak, log_probs[:, gloss], beside[:, gloss])
    return np.where(gloss == NO_GLOSS, blank, out).astype(np.float32)


def table_scores(codes: np.ndarray, tables: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(T, P) codes → (T, N) Σ over the parts of log B_J (SPEC §10): each part from its own row."""
    total = np.zeros((len(codes), len(rows)), dtype=np.float32)
    for p, table in enumerate(tables.values()):
        total += part_scores(codes[:, p], table)[:, rows[:, p]]
    return total


def gate_scores(log_forms: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(T, 2) log-probabilities of FORMS, (N,) which of them each column is → (T, N), 0 where it is NEITHER."""
    return np.concatenate([log_forms, np.zeros((len(log_forms), 1), dtype=log_forms.dtype)], axis=1)[:, columns]


# On disk -------------------------------------------------------------------------------------------------------------
def save_graph(graph: Graph, columns: FrameLabels, model: Model, card: Mapping[str, Any]) -> None:
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
    record |= {"model": model.weights_hash, "columns": vars(columns)}
    # So that the card's own hash speaks for the whole.
    files = [name for name in (TABLES, COMPETITORS, file_name(WHOLE)) if (graph.folder / name).is_file()]
    record |= {"files": {name: file_hash(graph.folder / name) for name in files}}
    write_json(graph.folder / CARD, record)


def load_graph(folder: Path, model: Model) -> Graph:
    """A graph for this model. Raises BadInput: no graph, damaged, of a newer asl, or made for another model."""
    file = folder / CARD
    if not file.is_file():
        raise BadInput(f"{folder} holds no graph (no {CARD})", "name a folder below graphs/, or build one: asl build-fst")
    try:
        card = read_record(file, newest=FORMAT_VERSION, most_bytes=MAX_CARD_BYTES, again=REBUILD_HINT)
        if card["version"] < FORMAT_VERSION:
            raise BadInput(f"{file} is of an earlier asl (version {card['version']})", REBUILD_HINT)
        if card["model"] != model.weights_hash:
            raise BadInput(
                f"the graph {folder.name} was built for another model than {model.folder.name}: their labels do not fit",
                f"build one for it: asl build-fst --model {model.folder.name}",
            )
        _check_files(folder, card.get("files", {}))
        return _graph(folder, card, len(model.alphabet))
    except DAMAGE_ERRORS as error:
        raise BadInput(f"the graph in {folder} is damaged: {error}", REBUILD_HINT) from error
    except AslError as error:
        raise BadInput(error.message, error.hint or REBUILD_HINT) from error


def _graph(folder: Path, card: Mapping[str, Any], glosses: int) -> Graph:
    tensors = load_arrays(folder / TABLES)
    tables = {name: tensors[f"table.{name}"] for name in card["parts"]}
    coder = coder_from_arrays(part(tensors, "coder.")) if tables else None
    columns = FrameLabels(**card["columns"])
    if not 0 < len(columns.rows) <= MAX_LABELS:
        raise ValueError(f"{len(columns.rows)} labels")
    rows = np.array(columns.rows, dtype=int).reshape(len(columns.rows), len(tables))
    if any(rows[:, p].max() >= len(table) for p, table in enumerate(tables.values())):
        raise ValueError("columns that are not in the tables")
    densities = emissions_from_arrays(part(tensors, "densities.")) if card["densities"] else None
    units = np.array(columns.unit, dtype=int)
    arrays = rows, np.array(columns.gloss, dtype=int), np.array(columns.peak, dtype=bool), units
    if {len(one) for one in arrays} != {len(rows)} or rows.min(initial=0) < 0:
        raise ValueError("columns of different lengths, or negative rows")
    if not NO_GLOSS <= arrays[1].min() <= arrays[1].max() <= glosses:
        raise ValueError("columns of glosses that the model does not have")
    if densities and not 0 <= units.min() <= units.max() < len(densities.densities.means):
        raise ValueError("columns of units that have no densities")
    *weights, gate_weight = (float(card.get(name, 0.0)) for name in SCORE_WEIGHTS)
    fused, bias = tuple(map(int, card.get("fused", ()))), tensors.get("bias")
    if not all(1 <= label <= len(rows) for label in fused) or (bias is not None and bias.shape != (len(rows),)):
        raise ValueError("fused labels or biases of labels that are not there")
    alphabet = Alphabet(tuple(map(str, card["glosses"])))
    own = bias, gate_weight, fused
    return Graph(folder, alphabet, coder, tables, *arrays, int(card["rest"]), *weights, card, densities, *own)


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raises ValueError for a file that is not what was built. What a bundle leaves out is not looked at."""
    for name, digest in files.items():
        if (file := folder / Path(name).name).is_file() and file_hash(file) != digest:
            raise ValueError(f"{name} is not what was built")


def frame_labels_of(graph: Graph) -> FrameLabels:
    """The columns that a graph was saved with."""
    return FrameLabels(**graph.card["columns"])


def find_graph(workspace: Workspace | None, given: str | None, stages: Sequence[str] = GRAPH_STAGES) -> Path:
    """The folder of the graph: given by path or by name below graphs/, else the newest that one of these stages made."""
    if given:
        return made_folder(workspace.graphs if workspace else None, given, CARD, "graph", "build one: asl build-fst")
    newest = workspace.newest(stages, "graph") if workspace else ""
    if not newest:
        raise StageMissing("no cascade has been built yet", "asl build-fst")
    return workspace.inside(f"graphs/{newest}")
