"""The common style of all pictures, and their encoding as PNG or SVG.

The drawing functions of this package take arrays and return a matplotlib `Figure`; they use neither
a framework nor the folder of a run. `png` and `svg` encode a figure; the result is the same for the
same input and versions.
"""

import functools
import io
import re
from collections.abc import Callable
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#010203"
"""The colour of text and axes, which `svg` replaces by the text colour of the page."""
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that people with any colour vision can distinguish; from Okabe and Ito."""
NARROW = (4.4, 3.4)
"""Width and height in inches; readable on a phone too."""
_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.framealpha": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "twin",
    "text.parse_math": False,  # a run's name may hold a $
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

P = ParamSpec("P")
T = TypeVar("T")


def in_our_style(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw with our style only, whatever a user's matplotlibrc or a notebook has set."""

    @functools.wraps(draw)
    def styled(*args: P.args, **options: P.kwargs) -> T:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **options)

    return styled


@in_our_style
def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()


@in_our_style
def svg(figure: Figure, name: str, description: str) -> str:
    """Return the figure as an `<svg>` element for an HTML page, as wide as its parent element.

    `description` is the text alternative for screen readers. `name` becomes part of all
    identifiers, so that several pictures can be in one page. The colour `INK` becomes the page's
    text colour.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    element = file.getvalue()[file.getvalue().index("<svg") :]
    # Clip paths: matplotlib names them by their positions, which rounding can change. Number them.
    clips: dict[str, str] = {}
    element = re.sub(
        r'(?<=[#"])p[0-9a-f]{10}(?=[")])',
        lambda match: clips.setdefault(match[0], f"clip-{len(clips)}"),
        element,
    )
    # All identifiers and references to them get the name as a prefix.
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    opening = f'<svg role="img" aria-label="{escape(description)}"'
    return element.replace("<svg", opening, 1).replace(INK, "currentColor")


def colour_of(number: int) -> str:
    """The colour of line or group `number`; the colours repeat after the last one."""
    return COLOURS[number % len(COLOURS)]
