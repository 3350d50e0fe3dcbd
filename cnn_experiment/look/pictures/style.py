"""How every picture looks, and its bytes: the same for the same input and versions.

Nothing in this room's drawing files knows a framework or a run's folder: a function takes arrays
and returns a matplotlib `Figure`, of which `png` and `svg` make bytes.
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
"""The colour of text and axes where the page that holds a picture decides it: see `svg`."""
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Told apart with any colour vision; after Okabe and Ito."""
NARROW = (4.4, 3.4)
"""Inches; to be read on a phone too."""
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
    """Let neither a user's matplotlibrc nor a notebook's style change a picture."""

    @functools.wraps(draw)
    def styled(*args: P.args, **options: P.kwargs) -> T:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **options)

    return styled


@in_our_style
def png(figure: Figure) -> bytes:
    """The picture as a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()


@in_our_style
def svg(figure: Figure, name: str, description: str) -> str:
    """The picture as an `<svg>` element to stand in an HTML page, as wide as its place there.

    `description` is its text alternative. Identifiers are made the picture's own by `name`, and
    what is drawn in `INK` takes the page's colour of text.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    element = file.getvalue()[file.getvalue().index("<svg") :]
    # Named by matplotlib after positions that rounding moves; here by their order.
    clips: dict[str, str] = {}
    element = re.sub(
        r'(?<=[#"])p[0-9a-f]{10}(?=[")])',
        lambda found: clips.setdefault(found[0], f"clip-{len(clips)}"),
        element,
    )
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    opening = f'<svg role="img" aria-label="{escape(description)}"'
    return element.replace("<svg", opening, 1).replace(INK, "currentColor")


def colour_of(number: int) -> str:
    """The colour of a line or group; they begin again after the last."""
    return COLOURS[number % len(COLOURS)]
