"""How Sphinx builds the documentation: pip install -e ".[docs]" && sphinx-build -W -b html docs docs/_build"""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import asl

project = "asl"
author = "the authors of asl"
release = version = asl.__version__
language = "en"

extensions = ["myst_parser"]  # no intersphinx: building needs no network
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
highlight_language = "none"  # terminal sessions; code blocks in other languages name theirs

html_theme = "furo"
html_title = "asl"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sphinx = html_show_copyright = False


def inline_mathml(writer, node) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def block_mathml(writer, node) -> None:
    writer.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def setup(app) -> None:
    """Formulas become MathML, which browsers draw themselves: the pages load nothing from another server."""
    app.add_html_math_renderer("mathml", (inline_mathml, None), (block_mathml, None))
