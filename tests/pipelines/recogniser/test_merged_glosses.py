import numpy as np

from asl.pipelines.corpus.aliases import Aliases
from asl.pipelines.recogniser.merged_glosses import MergedGlosses


def test_glosses_with_the_same_meaning_are_one_class():
    glosses = MergedGlosses(("BOOK", "THANK-YOU", "THANKS"), Aliases({"THANKS": "THANK-YOU", "GRATITUDE": "THANK-YOU"}))
    assert glosses.names == ("BOOK", "THANK-YOU")
    assert glosses.index("GRATITUDE") == glosses.index("THANKS") == 1
    assert "GRATITUDE" in glosses
    assert "MILK" not in glosses
    np.testing.assert_allclose(np.exp(glosses.merged(np.log([0.4, 0.35, 0.25]))), (0.4, 0.6))


def test_a_model_may_know_only_an_alias():
    glosses = MergedGlosses(("BOOK", "THANKS"), Aliases({"THANKS": "THANK-YOU"}))
    assert glosses.names == ("BOOK", "THANK-YOU")
    np.testing.assert_allclose(glosses.merged(np.log([0.4, 0.6])), np.log([0.4, 0.6]))
