"""The texts of the documents, and their code blocks."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
TEXT = " ".join(" ".join([README, *PAGES.values()]).split())
"""All of them in one line."""


def python_in(page: str) -> list[str]:
    """Return the blocks of Python code of a page."""
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def printed_below(code: str, page: str) -> list[str]:
    """Return what a page quotes as printed by a block, in parts: "..." stands for what is left out.

    Each part has single spaces.
    """
    quoted = page.partition(code)[2].split("```")[2]
    parts = [" ".join(part.split()) for part in re.split(r"^\.\.\.\n", quoted, flags=re.MULTILINE)]
    return [part for whole in parts for part in whole.split(" ...") if part]


def run(code: str, folder: Path | None = None) -> str:
    """Run the code as a program, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
