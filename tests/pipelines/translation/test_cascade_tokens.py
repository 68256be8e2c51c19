from types import SimpleNamespace

import kaldifst
import numpy as np

from asl.pipelines.translation.cascade_tokens import isolated_cascade_tokens
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.decoder import single_word_graph


def test_a_cascade_that_only_reads_pairs_reads_no_single_sign():
    pairs = kaldifst.StdVectorFst()
    for _ in range(3):
        pairs.add_state()
    pairs.start = 0
    pairs.add_arc(0, kaldifst.StdArc(1, 1, 0.0, 1))
    pairs.add_arc(1, kaldifst.StdArc(2, 2, 0.0, 2))
    pairs.set_final(2, 0.0)
    graph = SimpleNamespace(single_sign_graph=single_word_graph(pairs, 2), scores=lambda reading: np.zeros((3, 3), np.float32))
    assert isolated_cascade_tokens(None, graph, None, DecodeSettings()) == []
