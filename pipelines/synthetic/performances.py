"""A corpus of synthetic clips: which clips there are, and each one made from its description alone.

A clip is described by a short text (its recipe), so that any process can make it and the same seed gives the same bytes.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
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
from asl.pipelines.synthetic.lexicon import BUILT_IN_LEXICONS, Sign, read_rows, signs_of_table
from asl.pipelines.synthetic.sentences import Word
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.workspace.errors import BadClip, BadInput

#: Goes up when the same recipe gives other landmarks, pictures or truth.
VERSION = 2
BUILT_IN, INVENTED = BUILT_IN_LEXICONS


@dataclass(frozen=True)
class Recipe:
    """One clip. gloss: of an isolated sign; empty for a sentence. take: which performance. vocabulary: signs of the lexicon."""

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
        """Random numbers that depend on the recipe alone, not on the order in which clips are made."""
        text = f"{purpose} {self.gloss} {self.take} {self.signer}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest, "little")])


@dataclass(frozen=True)
class Performance:
    """A clip before any camera: words, tracks, and when what happened (segments, see truth)."""

    signer: Signer
    words: tuple[Word, ...]
    tracks: skeleton.Tracks
    segments: tuple[Segment, ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        return tuple(gloss for word in self.words for gloss in word.glosses)


def lexicon_file(name: str) -> Path:
    """The file that a lexicon's content depends on. Raises BadInput: no such file."""
    here = Path(lexicon.__file__).parent
    if name in (BUILT_IN, INVENTED):
        return here / ("signs.csv" if name == BUILT_IN else "invented_signs.py")
    if not Path(name).is_file():
        raise BadInput(f"--lexicon: no file {name}", f"a CSV file of signs, or {BUILT_IN}, or {INVENTED}")
    return Path(name).absolute()


@lru_cache(maxsize=8)
def vocabulary(name: str, count: int, seed: int) -> tuple[Sign, ...]:
    """The first `count` signs of a lexicon, 0 for all. Raises BadInput: fewer than asked for, or a fault in the file."""
    if name == INVENTED:
        if count > invented_signs.MOST_SIGNS:
            raise BadInput(f"--signs {count}: at most {invented_signs.MOST_SIGNS} signs are invented", "ask for fewer")
        return invented_signs.invented(count or 100, seed)
    signs = lexicon.everyday() if name == BUILT_IN else read_lexicon(Path(name))
    if count > len(signs):
        raise BadInput(f"--signs {count}, but lexicon '{name}' has {len(signs)}", f"--lexicon {INVENTED} has up to 10,000")
    return signs[: count or None]


def parse_recipe(text: str) -> Recipe:
    """A recipe from a clip's description. Raises BadClip: not one of this version."""
    try:
        recipe = Recipe(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise BadClip("bad-recipe", f"not the description of a synthetic clip: {error}") from error
    if recipe.version != VERSION:
        raise BadClip("bad-recipe", f"made by another version of asl ({recipe.version}, here {VERSION})")
    return recipe


def perform(recipe: Recipe) -> Performance:
    """What the signer does in a clip. The same recipe gives the same performance in any process."""
    signer, rng = signers.signer(recipe.signer, recipe.seed), recipe.rng("motion")
    source = (recipe.lexicon, recipe.vocabulary, recipe.seed)
    if recipe.gloss:
        sign = _by_gloss(*source)[recipe.gloss]
        words = (Word((sign.gloss,), "sign", (sign,)),)
        acts = [_isolated(sign, signer, rng)]
    else:
        words = tuple(_grammar(*source).sentence(recipe.rng("words")))
        acts = sentences.acts_of(words, signer, rng)
    tracks, spans = trajectories.perform(acts, signer, recipe.fps, rng)
    return Performance(signer, words, tracks, truth.segments(words, spans, signer, len(tracks) / recipe.fps))


def _isolated(sign: Sign, signer: Signer, rng: np.random.Generator) -> motion.Act:
    return replace(motion.varied(motion.realise(sign, signer), signer, rng), notes={"word": 0})


@lru_cache(maxsize=8)
def _by_gloss(name: str, count: int, seed: int) -> dict[str, Sign]:
    return {sign.gloss: sign for sign in vocabulary(name, count, seed)}


@lru_cache(maxsize=8)
def _grammar(name: str, count: int, seed: int) -> sentences.Grammar:
    return sentences.Grammar(vocabulary(name, count, seed))


def landmarks(recipe: Recipe) -> Landmarks:
    """The clip as a detector would have found it (or, without noise, as it is), in image widths."""
    done = perform(recipe)
    camera = done.signer.camera
    return Landmarks(projected(done, recipe), recipe.fps, camera.aspect, camera.size(signers.PICTURE_SIDE)[0])


def projected(done: Performance, recipe: Recipe) -> np.ndarray:
    """(T, 543, 3) image widths of a performance."""
    camera, rng, tracks = done.signer.camera, recipe.rng("noise"), done.tracks
    if recipe.noise:
        tracks = noise.misjudged(tracks, recipe.fps, rng)
    points = camera.project(skeleton.landmarks_of(skeleton.body_of(tracks, done.signer)))
    return noise.detected(points, camera.zoom, recipe.fps, rng) if recipe.noise else points


def render(recipe: Recipe, path: Path) -> int:
    """Renders the clip as an mp4, whole or not at all; returns the number of frames."""
    from asl.pipelines.synthetic import picture  # brings a compiler along, which nothing else here needs

    done = perform(recipe)
    body = skeleton.body_of(done.tracks, done.signer)
    picture.write_video(path, picture.Painter(done.signer).pictures(body), recipe.fps)
    return len(done.tracks)


def read_lexicon(path: Path) -> tuple[Sign, ...]:
    """A lexicon of one's own, or an ASL-LEX 2.0 table (known by its columns).

    Raises BadInput with the line, the value and the nearest known one.
    """
    header, rows = read_rows(path)
    signs = asl_lex.signs(path, rows) if asl_lex.fits(header) else signs_of_table(path)
    if not signs:
        raise BadInput(f"{path} holds no signs", "one row a sign; see signs.csv in the package")
    return tuple(signs)
