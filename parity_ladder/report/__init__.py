"""One HTML page of a climb, and the parts that other pages are made from. Needs jinja2."""

from parity_ladder.report.page import (
    Cell,
    Table,
    Verdict,
    environment,
    ladder_table,
    number,
    page_of,
    verdict_of,
)

__all__ = [
    "Cell",
    "Table",
    "Verdict",
    "environment",
    "ladder_table",
    "number",
    "page_of",
    "verdict_of",
]
