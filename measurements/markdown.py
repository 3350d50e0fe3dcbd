"""A table in Markdown, as the documents have them."""

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of these rows without any padding, so that one cell changes one line."""
    padded = tabulate(list(rows), heads, tablefmt="pipe", disable_numparse=True)
    lines = [" ".join(line.split()) for line in padded.splitlines()]
    lines[1] = re.sub(r":?-+:?", "---", lines[1]).replace(" ", "")
    return "\n".join(lines)
