"""Self-contained HTML reports, without external scripts, with all text escaped (Jinja)."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.metric_labels import metric_label


def write_page(path: Path, template: str, **values: Any) -> None:
    """Renders a template of pipelines/reports/templates with the values, and writes the page."""
    environment = Environment(
        loader=PackageLoader("asl.pipelines.reports", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["label"] = metric_label
    environment.filters["name"] = breakable_name
    environment.globals["counted"] = counted
    write_atomically(path, environment.get_template(template).render(**values))


def breakable_name(name: str) -> Markup:
    """A name for a page: lines may break after its separators, and never within a word."""
    return Markup(re.sub(r"([_/.]+)(?=\w)", r"\1<wbr>", str(escape(name))))  # noqa: S704 - the name is escaped


def number_epochs(axes) -> None:
    """Labels the x axis of a plot as epochs, which are whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=8)


def jpeg_uri(data: bytes) -> str:
    """The bytes of a JPEG file as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def figure_uri(figure) -> str:
    """A matplotlib figure as a data URI of an SVG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight")
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
