"""The report's page in a real browser: nothing loaded, nothing complained of, readable anywhere."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from parity_tests.report import page, read_runs
from tests.runs_to_report import write_all

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE, DESK = (360, 740), (1280, 900)
Scheme = Literal["light", "dark"]

# Every complaint about the page as it is drawn. The ratio of contrast is WCAG 2's, of each text to
# what lies behind it.
COMPLAINTS = """() => {
  const complaints = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth)
    complaints.push(`wider than the window: ${root.scrollWidth} pixels`);
  const channels = (colour) => {
    const [r, g, b, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return {rgb: [r, g, b], alpha};
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map(
      (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const {rgb, alpha} = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return rgb;
    }
    return [255, 255, 255];
  };
  let texts = 0;
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest('style, defs')) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const pair = [luminance(channels(colour).rgb), luminance(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) complaints.push(`contrast ${ratio.toFixed(2)}: ${element.textContent}`);
    texts += 1;
  }
  if (texts < 100) complaints.push(`only ${texts} texts were looked at`);
  for (const svg of document.querySelectorAll('svg'))
    if (svg.getAttribute('role') !== 'img' || !svg.getAttribute('aria-label'))
      complaints.push('a picture without its text');
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  if (new Set(ids).size !== ids.length) complaints.push('an id that stands twice');
  for (const use of document.querySelectorAll('use, a')) {
    const target = use.getAttribute('href') ?? use.getAttribute('xlink:href');
    if (!document.getElementById(target.slice(1))) complaints.push(`nothing at ${target}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const here = Number(heading.tagName[1]);
    if (here > level + 1) complaints.push(`heading out of order: ${heading.textContent}`);
    level = here;
  }
  for (const table of document.querySelectorAll('table'))
    if (!table.caption || [...table.querySelectorAll('th')].some((th) => !th.scope))
      complaints.push('a table without its caption or scopes');
  if (!root.lang || !document.title) complaints.push('no language or no title');
  return complaints;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    file = folder / "report.html"
    file.write_bytes(page(read_runs(write_all(folder))))
    return file


def opened(
    browser: Browser, file: Path, size: tuple[int, int], scheme: Scheme
) -> tuple[list[str], str]:
    """What is wrong with the page, and the colour of its background."""
    complaints: list[str] = []
    viewport = ViewportSize(width=size[0], height=size[1])
    tab = browser.new_page(viewport=viewport, color_scheme=scheme)
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(file.as_uri(), wait_until="load")
    complaints += tab.evaluate(COMPLAINTS)
    complaints += [f"asked for {url}" for url in requests if url != file.as_uri()]
    background: str = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.close()
    return complaints, background


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_there_is_nothing_to_complain_of(
    browser: Browser, report: Path, size: tuple[int, int]
) -> None:
    backgrounds = set()
    for scheme in ("light", "dark"):
        complaints, background = opened(browser, report, size, scheme)
        assert complaints == []
        backgrounds.add(background)
    assert len(backgrounds) == 2


POLICY = "http-equiv="


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("<script>console.error('planted')</script>", "error: planted"),
        ("<script>console.warn('planted')</script>", "warning: planted"),
        ("<script>throw Error('planted')</script>", "error: planted"),
        ("<img src='http://127.0.0.1:9/planted.png'>", "asked for http://127.0.0.1:9/planted.png"),
        ("<div style='width: 1500px'>planted</div>", "wider than the window: "),
        ("<p style='color: #808080'>planted</p>", "contrast "),
        ("<svg><rect/></svg>", "a picture without its text"),
        ("<p id='verdict'>planted</p>", "an id that stands twice"),
        ("<h4>planted</h4>", "heading out of order: planted"),
        ("<table><tr><th>planted</th></tr></table>", "a table without its caption or scopes"),
        ("<a href='#planted'>planted</a>", "nothing at #planted"),
    ],
    ids=range(11),
)
def test_what_is_planted_is_complained_of(
    planted: str, complaint: str, browser: Browser, report: Path, tmp_path: Path
) -> None:
    text = report.read_text()
    file = tmp_path / "planted.html"
    file.write_text(text.replace("</main>", f"{planted}</main>").replace(POLICY, "name="))
    found, _ = opened(browser, file, DESK, "light")
    assert any(each.startswith(complaint) for each in found), found


def test_the_page_itself_lets_nothing_be_loaded_or_run(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    planted = "<script>document.title = ''</script><img src='http://127.0.0.1:9/planted.png'>"
    file = tmp_path / "planted.html"
    file.write_text(report.read_text().replace("</main>", f"{planted}</main>"))
    found, _ = opened(browser, file, DESK, "light")
    refused = [each for each in found if "violates the following Content Security Policy" in each]
    assert len(refused) == 2
    assert "no language or no title" not in found
