"""The porting guide: a page for each area of the catalogue of known differences, as Markdown.

Each difference has its sentence, the rung that it shows on, its measured size, its source, and the
case of the suite that plants it, with the Keras side, the sound port and the one with the mistake.
"""

import ast
import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from parity_ladder.known_differences import CATALOGUE, Entry

SIZES = "known_differences.csv"
"""The file in `results/` with the sizes, made by `scripts/known_differences.py`."""
CASES = Path("tests", "known_differences")
_AREAS = {
    "layers": "Layers",
    "losses": "Losses",
    "optimizers": "Optimizers",
    "schedules": "Learning rates",
    "loop": "The training loop",
}


class Case(NamedTuple):
    """Where the suite plants a difference."""

    file: Path
    """Below the project's folder."""
    code: str
    """The case, below the definitions of its file that it uses."""


def guide(root: Path) -> dict[str, str]:
    """Return the pages by their names, `guide.md` first; `root` is the project's folder."""
    sizes = read_sizes(root / "results" / SIZES)
    found = cases(root)
    pages = {"guide.md": _overview()}
    for area, title in _AREAS.items():
        entries = [entry for entry in CATALOGUE.values() if entry.area == area]
        chapters = (_chapter(entry, sizes[entry.name], found[entry.name]) for entry in entries)
        pages[f"guide/{area}.md"] = "\n".join([f"# {title}\n", *chapters])
    return pages


def read_sizes(file: Path) -> dict[str, list[str]]:
    """Return the size in each case as text, by the name of the difference."""
    sizes: dict[str, list[str]] = {}
    with file.open(newline="") as opened:
        for line in csv.DictReader(opened):
            size = line["relative"]
            is_number = size[0].isdigit()
            text = f"{float(size):.2g}" if is_number else "shapes differ, or not finite"
            sizes.setdefault(line["known difference"], []).append(text)
    return sizes


def cases(root: Path) -> dict[str, list[Case]]:
    """Return the cases of the suite, by the name of the difference that they plant."""
    found: dict[str, list[Case]] = {name: [] for name in CATALOGUE}
    for path in sorted((root / CASES).glob("*.py")):
        text = path.read_text()
        module = ast.parse(text)
        definitions = dict(_definitions(module))
        for call in _planted(module):
            name = ast.literal_eval(call.args[0])
            lines = [_source(text, node) for node in _used(call, definitions)]
            case = Case(path.relative_to(root), "\n\n\n".join([*lines, _source(text, call)]))
            found[name].append(case)
    return found


def _planted(module: ast.Module) -> Iterator[ast.Call]:
    """Yield the calls that make the elements of the list `PLANTED`."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PLANTED":
            elements = node.value.elts if isinstance(node.value, ast.List) else []
            yield from (each for each in elements if isinstance(each, ast.Call))


def _definitions(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the functions, classes and constants of a module by their names."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node


def _used(call: ast.AST, definitions: Mapping[str, ast.stmt]) -> list[ast.stmt]:
    """Return the definitions that a call uses, directly or by another one, in the file's order."""
    used: set[str] = set()
    waiting: list[ast.AST] = [call]
    while waiting:
        names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)}
        new = (names & definitions.keys()) - used
        used |= new
        waiting += [definitions[name] for name in new]
    return [node for name, node in definitions.items() if name in used]


def _source(text: str, node: ast.AST) -> str:
    """Return the lines of a node, as far to the left as its first line allows."""
    lines = text.splitlines()[node.lineno - 1 : node.end_lineno]  # type: ignore[attr-defined]
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        lines = text.splitlines()[decorators[0].lineno - 1 : node.end_lineno]  # type: ignore[attr-defined]
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines).rstrip(",")


_BEGINNING = f"""# Porting guide

What Keras and PyTorch do differently: {len(CATALOGUE)} known differences, each with what to write
instead. The ladder compares a port with its Keras model, one quantity after the other, and names
them as causes; each such comparison is a rung. The suite plants each in a port that holds without
it (`tests/known_differences/test_planted.py`).

The size of a difference is that in the suite's small model, on the first rung that it shows on,
within three steps: its largest element over the largest magnitude that Keras has there
(`python scripts/known_differences.py --out results/known_differences.csv`). In another model it has
another size. Where the suite has several cases, each has its own.
"""


def _overview() -> str:
    lines = [_BEGINNING.rstrip()]
    for area, title in _AREAS.items():
        lines += ["", f"## {title}", ""]
        lines += [
            f"- [{entry.name}](guide/{area}.md#{_anchor(entry)})"
            for entry in CATALOGUE.values()
            if entry.area == area
        ]
    return "\n".join([*lines, ""])


def _chapter(entry: Entry, sizes: Iterable[str], planted: Iterable[Case]) -> str:
    head, _, rest = entry.sentence.partition(". ")
    lines = [
        f"## {entry.name} {{#{_anchor(entry)}}}",
        "",
        f"**{head}.** {rest}" if rest else f"**{entry.sentence}**",
        "",
        f"- Shows first on: *{entry.rung}*",
        f"- Source: {entry.source}",
        "",
    ]
    for size, case in zip(sizes, planted, strict=True):
        title = f"Size {size} in the case of `{case.file.as_posix()}`, which the suite runs"
        lines += [f'??? example "{title}"', ""]
        block = ["```python", *case.code.splitlines(), "```"]
        lines += [f"    {line}".rstrip() for line in block]
        lines.append("")
    return "\n".join(lines)


def _anchor(entry: Entry) -> str:
    """Return an identifier made of the name's letters and digits."""
    words = "".join(each if each.isalnum() else " " for each in entry.name.lower()).split()
    return "-".join(words)
