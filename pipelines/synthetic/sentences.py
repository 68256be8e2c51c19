"""Sentences: a small grammar of ASL with loci, agreement, fusion, fingerspelling and questions (SPEC §8, §9, §10).

A sentence is a sequence of `Word`s with their glosses. Referents are introduced at loci by pointing (IX-a) and referred to
later. Agreement verbs move between loci (a-GIVE-b). A handling verb can take the handshape of its object (fused: GIVE and CUP
in one sign).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import numpy as np

from asl.pipelines.synthetic import fingerspelling, motion
from asl.pipelines.synthetic.lexicon import Sign, locations
from asl.pipelines.synthetic.motion import PASS_SECONDS, Act
from asl.pipelines.synthetic.signers import Signer

NOUNS = ("person", "vehicle", "flat", "cylindrical", "curved", "small", "animal", "abstract")
THINGS = ("vehicle", "flat", "cylindrical", "curved", "small")
#: Directions of the loci from the neck, by name: (out, down, forward), relative to the dominant hand's side.
LOCI = {"a": (0.62, 0.30, 0.72), "b": (-0.50, 0.30, 0.81), "c": (0.12, 0.28, 0.95)}
FUSED_SHARE, INTRODUCED_SHARE, QUESTION_SHARE = 0.4, 0.6, 0.3
ASSIMILATION, REDUCTION, ANTICIPATION = 0.4, 0.5, 0.15


@dataclass(frozen=True)
class Word:
    """A word of a sentence.

    glosses: its glosses in order, two for a fused form. kind: sign, spelled, point, agree or fused. source, goal: names of
    loci, '1' for the signer. referent: the referent of the goal. introduces: whether the word binds the locus.
    """

    glosses: tuple[str, ...]
    kind: str
    signs: tuple[Sign, ...] = ()
    source: str = ""
    goal: str = ""
    referent: str = ""
    introduces: bool = False
    face: str = ""


class Grammar:
    """Draws random sentences over a lexicon. If it has no nouns or verbs, any sign is used instead."""

    def __init__(self, lexicon: Sequence[Sign]):
        self.by_role: dict[str, list[Sign]] = {}
        for sign in lexicon:
            self.by_role.setdefault(sign.role, []).append(sign)
        self.nouns = [sign for role in NOUNS for sign in self.by_role.get(role, [])] or list(lexicon)
        self.things = [sign for role in THINGS for sign in self.by_role.get(role, [])]
        self.verbs = self.by_role.get("plain", []) or list(lexicon)

    def sentence(self, rng: np.random.Generator) -> list[Word]:
        """Draws a sentence of two to eight words."""
        agree = self.by_role.get("agree")
        if agree and rng.random() < INTRODUCED_SHARE:
            return self._discourse(rng, agree)
        return self._plain(rng)

    def _plain(self, rng: np.random.Generator) -> list[Word]:
        people = self.by_role.get("person", self.nouns)
        words = [_word(self._pick(rng, self.by_role["time"]))] if "time" in self.by_role and rng.random() < 0.3 else []
        subject = Word(("IX-1",), "point", goal="1") if rng.random() < 0.25 else _word(self._pick(rng, people))
        words.append(subject)
        states = self.by_role.get("state")
        if states and rng.random() < 0.3:
            words.append(_word(self._pick(rng, states)))
        else:
            words.append(_word(self._pick(rng, self.verbs)))
            questions = self.by_role.get("question")
            if questions and rng.random() < 0.25:
                return [replace(word, face="brows-down") for word in [*words, _word(self._pick(rng, questions))]]
            words.append(_word(self._pick(rng, self.nouns)))
        return [replace(word, face="brows-up") for word in words] if rng.random() < QUESTION_SHARE else words

    def _discourse(self, rng: np.random.Generator, agree: Sequence[Sign]) -> list[Word]:
        """A sentence that binds referents to loci in order, followed by an agreement verb that moves between them."""
        names = rng.permutation(fingerspelling.NAMES)[: 1 + (rng.random() < 0.6)]
        loci = list(LOCI)[: len(names)]
        words = []
        for name, locus in zip(names, loci, strict=True):
            words.append(Word((f"fs-{name}",), "spelled", fingerspelling.spelled(str(name))))
            words.append(Word((f"IX-{locus}",), "point", goal=locus, referent=str(name), introduces=True))
        referents = dict(zip(loci, map(str, names), strict=True))
        source, goal = (loci[0], loci[1]) if len(loci) == 2 else ((loci[0], "1") if rng.random() < 0.5 else ("1", loci[0]))
        if len(loci) == 2 and rng.random() < 0.5:
            source, goal = goal, source
        verb = self._pick(rng, agree)
        token = f"{source}-{verb.gloss}-{goal}"
        objects = [sign for sign in self.things if sign.role in fused_handshapes()]
        if verb.gloss == "GIVE" and objects and rng.random() < FUSED_SHARE:
            thing = self._pick(rng, objects)
            words.append(
                Word((token, thing.gloss), "fused", (fuse(verb, thing), verb, thing), source, goal, referents.get(goal, ""))
            )
        else:
            words.append(Word((token,), "agree", (verb,), source, goal, referents.get(goal, "")))
            if rng.random() < 0.6:
                words.append(_word(self._pick(rng, self.things or self.nouns)))
        states = self.by_role.get("state")
        if states and rng.random() < 0.35:
            locus = loci[int(rng.integers(len(loci)))]
            words.append(Word((f"IX-{locus}",), "point", goal=locus, referent=referents[locus]))
            words.append(_word(self._pick(rng, states)))
        return words

    @staticmethod
    def _pick(rng: np.random.Generator, signs: Sequence[Sign]) -> Sign:
        return signs[int(rng.integers(len(signs)))]


def _word(sign: Sign) -> Word:
    return Word((sign.gloss,), "sign", (sign,))


@lru_cache(maxsize=1)
def fused_handshapes() -> dict[str, tuple[str, str, str]]:
    """Object class → handshape, fingers and palm of a handling verb fused with such an object (SPEC §9, f_H and f_O)."""
    with (files("asl.pipelines.synthetic") / "fused.csv").open(encoding="utf-8", newline="") as file:
        return {row["role"]: (row["handshape"], row["fingers"], row["palm"]) for row in csv.DictReader(file)}


def fuse(verb: Sign, thing: Sign) -> Sign:
    """verb ⊗ object (SPEC §9): the movement of the verb with the handshape that holds the object."""
    shape, fingers, palm = fused_handshapes()[thing.role]
    start, end = (
        replace(posture, handshape=shape, fingers=fingers, palm=palm, contact="palm") for posture in (verb.start, verb.end)
    )
    return replace(verb, gloss=f"{verb.gloss}+{thing.gloss}", start=start, end=end)


def acts_of(words: Sequence[Word], signer: Signer, rng: np.random.Generator) -> list[Act]:
    """The acts of a sentence. The notes of each act give the number of its word and, if it is spelled, the letter."""
    acts = []
    for number, word in enumerate(words):
        for act in _acts(word, signer):
            act = motion.with_variation(act, signer, rng)
            if word.source:
                directions = [None if name == "1" else locus_direction(name) for name in (word.source, word.goal)]
                act = motion.agreement(act, signer, *directions)
            hold = PASS_SECONDS if word.kind != "spelled" else 0.11
            face = word.face or act.face
            acts.append(replace(act, hold=hold, face=face, notes={"word": number, **act.notes}))
    return _with_coarticulation(acts, rng)


def _acts(word: Word, signer: Signer) -> list[Act]:
    if word.kind == "point":
        return [
            motion.pointing(signer, locus_direction(word.goal), word.glosses[0], 0.42 if word.goal == "1" else motion.LOCUS_REACH)
        ]
    if word.kind == "spelled":
        return [replace(motion.realise(sign, signer), notes={"letter": sign.gloss}) for sign in word.signs]
    return [motion.realise(word.signs[0], signer)]


def locus_direction(name: str) -> np.ndarray:
    """Unit direction (out, down, forward) of a locus from the neck; '1' is the signer's chest."""
    vector = np.array(LOCI.get(name, (0.1, 0.7, 0.7)), dtype=np.float64)
    return vector / np.linalg.norm(vector)


def _with_coarticulation(acts: list[Act], rng: np.random.Generator) -> list[Act]:
    """Applies the coarticulation of continuous signing (SPEC §10, C), and adds it to the notes of each act."""
    changed = list(acts)
    for i in range(len(changed)):
        before, act = (changed[i - 1] if i else None), changed[i]
        notes = dict(act.notes)
        changes = []
        if act.sign.repeats > 1 and i + 1 < len(changed) and rng.random() < REDUCTION:
            act = replace(act, sign=replace(act.sign, repeats=act.sign.repeats - 1))
            changes.append("reduction")
        if before is not None and _share_location(before, act) and rng.random() < ASSIMILATION:
            shape = act.start.shape + 0.35 * (before.end.shape - act.start.shape)
            act = replace(act, start=replace(act.start, shape=shape))
            changes.append("assimilation")
        if i + 1 < len(changed) and "letter" not in notes and rng.random() < REDUCTION:
            end = act.end.wrist + ANTICIPATION * (changed[i + 1].start.wrist - act.end.wrist) * [[1, 1, 1], [0, 0, 0]]
            act = replace(act, end=replace(act.end, wrist=end))
            changes.append("anticipation")
        changed[i] = replace(act, notes=notes | ({"context": tuple(changes)} if changes else {}))
    return changed


def _share_location(before: Act, act: Act) -> bool:
    """Whether an act begins at the major location where the one before ends, with another handshape."""
    end, start = locations()[before.sign.end.location], locations()[act.sign.start.location]
    return end.major == start.major and before.sign.end.handshape != act.sign.start.handshape
