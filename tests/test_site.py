"""The site of docs/ is built without a warning, and its guide has every known difference."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from measurements.porting_guide import cases, guide, read_sizes
from parity_ladder.known_differences import CATALOGUE
from tests.documents import ROOT


class Anchors(HTMLParser):
    """Collects the identifiers of a page, and what it loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = dict(attributes)
        self.ids.add(found.get("id") or "")
        source = found.get("src") if tag in ("script", "img", "iframe") else None
        if tag == "link" and found.get("rel") in ("stylesheet", "preconnect"):
            source = found.get("href")
        if source and "://" in source:
            self.loaded.append(source)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def page(file: Path) -> Anchors:
    found = Anchors()
    found.feed(file.read_text())
    return found


def test_it_loads_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    assert [each for file in pages for each in page(file).loaded] == []


def test_the_reference_has_what_is_public(site: Path) -> None:
    ids = page(site / "reference" / "index.html").ids
    assert {"parity_ladder.climb", "keras_for_torch.KerasRMSprop", "torch_cnn.train"} <= ids


def test_the_guide_has_every_known_difference_with_its_case() -> None:
    pages = guide(ROOT)
    found, sizes = cases(ROOT), read_sizes(ROOT / "results" / "known_differences.csv")
    assert sizes.keys() == CATALOGUE.keys()
    for entry in CATALOGUE.values():
        text = pages[f"guide/{entry.area}.md"]
        assert f"## {entry.name} " in text
        assert f"Source: {entry.source}" in text
        assert len(found[entry.name]) == len(sizes[entry.name]) > 0, entry.name
        for size, case in zip(sizes[entry.name], found[entry.name], strict=True):
            assert entry.name in case.code
            block = "\n".join(f"    {line}".rstrip() for line in case.code.splitlines())
            assert f'example "Size {size} in the case' in text
            assert block in text
        assert f"[{entry.name}](guide/{entry.area}.md#" in pages["guide.md"]
