"""Synthetic clips: each is generated from its recipe.

A recipe is a short description of a clip. Any process can generate the clip from it, and the same recipe gives the same bytes.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.models.features.tiers import Segment
from asl.pipelines.synthetic import (
    asl_lex,
    invented_signs,
    lexicon,
    motion,
    noise,
    sentences,
    signers,
    skeleton,
    trajectories,
    truth,
)
from asl.pipelines.synthetic.lexicon import BUILT_IN_LEXICONS, Sign, read_rows, read_signs
from asl.pipelines.synthetic.sentences import Word
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.errors import BadClip, BadInput

#: The version of the code that makes landmarks, pictures and annotations from a recipe.
VERSION = VERSIONS["synthetic"]
BUILT_IN, INVENTED = BUILT_IN_LEXICONS


@dataclass(frozen=True)
class Recipe:
    """Description of a clip.

    vocabulary: number of signs of the lexicon, 0 for all. gloss: the isolated sign, "" for a sentence. take: number of the
    performance.
    """

    lexicon: str
    vocabulary: int
    gloss: str
    take: int
    signer: int
    seed: int
    fps: float
    noise: bool
    version: int = VERSION

    @property
    def name(self) -> str:
        return f"{signers.signer(self.signer, self.seed).name}/{self.gloss or 'sentence'}-{self.take}"

    def rng(self, purpose: str) -> np.random.Generator:
        """A random generator that depends only on the recipe, not on the order in which clips are generated."""
        text = f"{purpose} {self.gloss} {self.take} {self.signer}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest, "little")])


@dataclass(frozen=True)
class Performance:
    """A clip before projection: its words, its tracks, and its annotations (segments, see truth)."""

    signer: Signer
    words: tuple[Word, ...]
    tracks: skeleton.Tracks
    segments: tuple[Segment, ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        return tuple(gloss for word in self.words for gloss in word.glosses)


def lexicon_file(name: str) -> Path:
    """The file that determines the content of a lexicon. Raises BadInput if it does not exist."""
    folder = Path(str(files("asl.pipelines.synthetic")))
    if name in (BUILT_IN, INVENTED):
        return folder / ("signs.csv" if name == BUILT_IN else "invented_signs.py")
    if not Path(name).is_file():
        raise BadInput(f"--lexicon: no file {name}", f"name a CSV file of signs, or use {BUILT_IN} or {INVENTED}")
    return Path(name).absolute()


def vocabulary(name: str, count: int, seed: int) -> tuple[Sign, ...]:
    """The first `count` signs of a lexicon, 0 for all. Raises BadInput if there are fewer, or if the file has an error."""
    return _vocabulary(name, count, seed, _stamp(name))


def _stamp(name: str) -> tuple[int, int]:
    """Modification time and size of a lexicon's file, so that an edited lexicon is read again."""
    stat = lexicon_file(name).stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=8)
def _vocabulary(name: str, count: int, seed: int, stamp: tuple[int, int]) -> tuple[Sign, ...]:
    if name == INVENTED:
        if count > invented_signs.MAX_SIGNS:
            raise BadInput(f"--signs {count}: at most {invented_signs.MAX_SIGNS} signs can be invented", "use a smaller number")
        return invented_signs.invent(count or 100, seed)
    signs = lexicon.everyday_signs() if name == BUILT_IN else read_lexicon(Path(name))
    if count > len(signs):
        raise BadInput(
            f"--signs {count}, but lexicon '{name}' has {len(signs)}", f"use --lexicon {INVENTED}, which has up to 10,000"
        )
    return signs[: count or None]


def parse_recipe(text: str) -> Recipe:
    """The recipe in a clip's description. Raises BadClip if it is not a recipe of this version."""
    try:
        recipe = Recipe(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise BadClip("bad-recipe", f"not a description of a synthetic clip: {error}") from error
    if recipe.version != VERSION:
        raise BadClip("bad-recipe", f"the recipe has version {recipe.version}, but this asl needs version {VERSION}")
    return recipe


def perform(recipe: Recipe) -> Performance:
    """The performance of a recipe, which is the same in any process."""
    signer, rng = signers.signer(recipe.signer, recipe.seed), recipe.rng("motion")
    source = (recipe.lexicon, recipe.vocabulary, recipe.seed, _stamp(recipe.lexicon))
    if recipe.gloss:
        sign = _signs_by_gloss(*source)[recipe.gloss]
        words = (Word((sign.gloss,), "sign", (sign,)),)
        acts = [_isolated(sign, signer, rng)]
    else:
        words = tuple(_grammar(*source).sentence(recipe.rng("words")))
        acts = sentences.acts_of(words, signer, rng)
    tracks, spans = trajectories.perform(acts, signer, recipe.fps, rng)
    return Performance(signer, words, tracks, truth.segments(words, spans, signer, len(tracks) / recipe.fps))


def _isolated(sign: Sign, signer: Signer, rng: np.random.Generator) -> motion.Act:
    return replace(motion.with_variation(motion.realise(sign, signer), signer, rng), notes={"word": 0})


@lru_cache(maxsize=8)
def _signs_by_gloss(name: str, count: int, seed: int, stamp: tuple[int, int]) -> dict[str, Sign]:
    return {sign.gloss: sign for sign in _vocabulary(name, count, seed, stamp)}


@lru_cache(maxsize=8)
def _grammar(name: str, count: int, seed: int, stamp: tuple[int, int]) -> sentences.Grammar:
    return sentences.Grammar(_vocabulary(name, count, seed, stamp))


def landmarks(recipe: Recipe) -> Landmarks:
    """The landmarks of a clip: with detector errors if the recipe has noise, else the true ones."""
    performance = perform(recipe)
    camera = performance.signer.camera
    return Landmarks(project(performance, recipe), recipe.fps, camera.aspect, camera.size(signers.PICTURE_SIDE)[0])


def project(performance: Performance, recipe: Recipe) -> np.ndarray:
    """(T, 543, 3) points of a performance in image widths, with detector errors if the recipe has noise."""
    camera, rng, tracks = performance.signer.camera, recipe.rng("noise"), performance.tracks
    if recipe.noise:
        tracks = noise.with_handshape_errors(tracks, recipe.fps, rng)
    points = camera.project(skeleton.landmarks_of(skeleton.body_of(tracks, performance.signer)))
    return noise.with_detector_errors(points, camera.zoom, recipe.fps, rng) if recipe.noise else points


def render(recipe: Recipe, path: Path) -> int:
    """Renders the clip as an mp4 file, and returns the number of frames. An interrupted render leaves no file."""
    from asl.pipelines.synthetic import picture  # imports numba, which nothing else here needs

    performance = perform(recipe)
    body = skeleton.body_of(performance.tracks, performance.signer)
    picture.write_video(path, picture.Painter(performance.signer).pictures(body), recipe.fps)
    return len(performance.tracks)


def read_lexicon(path: Path) -> tuple[Sign, ...]:
    """Reads a lexicon file, or an ASL-LEX 2.0 table, which is recognised by its columns.

    Raises BadInput, with the line and the value, if the file has an error or no signs.
    """
    header, rows = read_rows(path)
    signs = asl_lex.signs_from_rows(path, rows) if asl_lex.is_asl_lex(header) else read_signs(path)
    if not signs:
        raise BadInput(f"{path} holds no signs", "give one row per sign; see signs.csv in the package")
    return tuple(signs)
