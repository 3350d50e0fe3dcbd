"""`twin-cnn report`: what the page says, what it refuses, and that it loads nothing."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest

from cnn_experiment import Checkpoint, RunFolder, UserError, preset
from parity_tests.parity_result import FILE, read_parity_result
from parity_tests.report import page, pictures
from parity_tests.report.figures import curves_figure, envelope_figure, trajectory_figure
from parity_tests.report.given_runs import Climb, Training, read_runs
from tests.running_scripts import SCRIPTS, run_in_a_process, run_script
from tests.runs_to_report import (
    parity_result,
    parted_result,
    twin_distances,
    write_all,
    write_result,
    write_training,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def text(runs: list[Path]) -> str:
    return page(read_runs(runs)).decode()


def section(text: str, name: str) -> str:
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', text, re.DOTALL)
    assert found, name
    return found[0]


def test_the_verdict_says_what_holds_and_where_and_why_not(text: str) -> None:
    verdict = section(text, "verdict")
    assert verdict.count("Every rung holds") == 2
    assert "First difference: gradients" in verdict
    assert "gradients, step 0: dense_2/bias[1] is 2.0, not 1.0: 1 apart" in verdict
    assert "cause: backward twice. The gradients are added up." in verdict


def test_the_ladder_has_every_rung_with_its_outcome_in_words(text: str) -> None:
    held, _, parted = re.findall(r"<tbody>.*?</tbody>", section(text, "ladder"), re.DOTALL)
    assert held.count(">holds<") == 14
    assert (parted.count(">holds<"), parted.count(">FAILS<")) == (8, 1)
    assert parted.count(">not judged<") == 5
    assert parted.count("because the climb ended below, on gradients") == 5
    row = '<th scope="row">data loss</th><td class="good">holds</td><td>2.5e-16</td><td>1e-11</td>'
    assert f"{row}<td>step 1: somewhere</td>" in held


def test_the_drift_in_float64_is_drawn_and_told(text: str) -> None:
    drift = section(text, "trajectory")
    assert drift.count("<svg ") == 1
    told = "Largest difference of a loss: 0 at step 1, 4.4e-16 up to step 3, tolerance 1e-12."
    assert drift.count(told) == 2  # for the eye, and in the text alternative


def test_the_trajectory_s_bold_line_is_the_largest_so_far() -> None:
    free = parity_result().free_running
    assert free is not None
    lines = trajectory_figure(free).axes[0].get_lines()
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in lines}
    np.testing.assert_array_equal(drawn["a loss, largest so far"], [np.nan, 4.4e-16, 4.4e-16])
    np.testing.assert_array_equal(drawn["tolerance of a weight"], [1e-11, 1e-11])


def test_the_envelope_s_lines_and_bands_are_the_measured_distances() -> None:
    apart = twin_distances()
    axes = envelope_figure(apart).axes[0]
    across = (apart.across.mean, apart.across.lowest, apart.across.highest)
    for line, column in zip(axes.get_lines(), across, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), column)
    for band, group in zip(axes.collections, (apart.port, apart.reference), strict=True):
        heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert set(heights) == {*group.lowest, *group.highest}


def test_the_drift_in_float32_is_drawn_and_told(text: str) -> None:
    drift = section(text, "envelope")
    assert drift.count("<svg ") == 1
    assert re.search(r"Among Keras&#x27; twins: [\d.e-]+ to [\d.e-]+ at step 1 and ", drift)
    assert '<th scope="row">late</th>' in drift
    assert "<td>30.0</td>" in drift


def test_the_schedule_stands_beside_what_both_runs_recorded(text: str) -> None:
    rate = f"{float(preset('article-3-addendum').schedule.rates([3], 'float64')[0]):.8g}"
    row = ["3", "start of epoch 2", rate, rate, rate, "0"]
    cells = "".join(f"<td>{cell}</td>" for cell in row[1:])
    schedule = section(text, "schedule")
    assert f'<th scope="row">3</th>{cells}' in schedule
    assert '<th scope="row">2</th><td>last of epoch 1</td>' in schedule
    assert '<th scope="row">6</th><td>after the last epoch</td>' in schedule


def test_layers_and_weights_in_both_layouts_and_their_distance(text: str) -> None:
    weights = section(text, "weights")
    assert "<td>kernel 3 x 3 x 1 x 4, bias 4</td><td>weight 4 x 1 x 3 x 3, bias 4</td>" in weights
    assert '<th scope="row">dense_1/bias</th><td>0.25</td>' in weights


def test_the_curves_are_told_by_run(text: str) -> None:
    curves = section(text, "curves")
    told = "by-keras: accuracy on test images 0.9000 after epoch 1, 0.9500 after epoch 2; loss 0.45"
    assert told in curves


def test_a_long_name_leaves_the_curves_their_place(tmp_path: Path) -> None:
    write_training(tmp_path / ("long" * 20), "torch")
    write_training(tmp_path / ("long" * 21), "keras")
    curves = section(page(read_runs(sorted(tmp_path.iterdir()))).decode(), "curves")
    for number in (1, 2):
        assert f"longlonglonglonglo... ({number}), validation</text>" in curves


def test_the_curves_of_two_articles_have_the_line_of_each(tmp_path: Path) -> None:
    checkpoint = RunFolder(write_training(tmp_path / "run", "torch")).read()
    trainings = [
        Training(name, replace(checkpoint, experiment=preset(name)))
        for name in ("article-3-addendum", "article-3", "article-2")
    ]
    lines = [line.get_label() for line in curves_figure(trainings).axes[0].lines]
    assert lines[:3] == ["0.992", "0.9935", "article-3-addendum, training"]


def test_every_planted_fault_is_named_with_its_rung(text: str) -> None:
    faults = section(text, "faults")
    assert '<th scope="row">rho 0.99</th><td>optimizer state</td><td>0</td><td>yes</td>' in faults
    assert faults.count('<th scope="row">') == 41
    assert "python scripts/planted_faults.py --out" in faults


def test_it_says_how_to_repeat_each_run_and_with_what_it_was_made(text: str) -> None:
    repeat = section(text, "repeat")
    for command in (
        "twin-cnn parity --preset article-2 --dtype float64 --steps 3 --out in-float64",
        "twin-cnn parity --preset article-2 --dtype float32 --steps 3 --twins 3 --out in-float32",
        "--mutant 'backward twice' --out parted",
        "twin-cnn train --backend keras --experiment by-keras/experiment.json --out by-keras",
        "twin-cnn report in-float64 in-float32 parted by-keras by-torch --out report.html",
    ):
        assert escape(command).replace("&#x27;", "&#39;") in repeat
    assert "torch 2.14.1, keras 3.15.1" in repeat
    assert "Abacus 7, 2 cores, An OS, Python 3.11.7" in repeat


def test_a_published_run_is_repeated_by_its_name() -> None:
    experiment = preset("article-3").with_changes(epochs=4, seed=3)
    run = Training("runs/mine", Checkpoint(experiment, {}, {}, backend="keras"))
    assert run.command == (
        "twin-cnn train --backend keras --preset article-3 --epochs 4 --train-images 60000"
        " --test-images 10000 --seed 3 --precision full --out runs/mine"
    )
    precise = experiment.with_changes(dtype="float64")
    run = Training("runs/mine", Checkpoint(precise, {}, {}, backend="keras"))
    assert "--experiment runs/mine/experiment.json" in run.command
    other = parity_result(preset=None, random_digits=True, device="cuda")
    assert "--experiment here/experiment.json --dtype" in Climb("here", other).command
    assert Climb("here", other).command.endswith("--random-digits --device cuda --out here")


def test_no_path_of_this_machine_is_shown(
    text: str, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(runs[0].parent) not in text
    assert str(Path.home()) not in text
    monkeypatch.chdir(runs[0].parent)
    assert "in-float64: article-2" in page(read_runs([Path("in-float64")])).decode()
    monkeypatch.chdir(runs[0])
    assert "in-float64: article-2" in page(read_runs([Path()])).decode()
    monkeypatch.chdir(runs[0].parents[1])
    below = runs[0].relative_to(Path.cwd())
    assert f"{below}: article-2" in page(read_runs([below])).decode()


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [write_result(tmp_path / where / "run", parity_result()) for where in "abc"]
    folders.insert(0, write_result(tmp_path / "run (2)", parity_result()))
    assert read_runs(folders).labels == ["run (2)", "run", "run (3)", "run (4)"]
    assert read_runs([folders[1], folders[1]]).labels == ["run"]


def test_the_page_loads_nothing(text: str) -> None:
    assert not re.search(r"<(script|link|iframe|img|object|embed|base)\b", text)
    assert not re.search(r"@import|\bsrc=|\bsrcset=|\son\w+=", text)
    assert set(re.findall(r'href="(.)', text)) == {"#"}
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    outside = set(re.findall(r"https?://[^\"'\s<]+", text))
    assert outside == {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}  # names


def test_hostile_names_are_text(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>"
    bad = parted_result().with_changes(
        preset=nasty, mutant=nasty, first_difference=nasty, explanation=nasty,
        versions={nasty: nasty}, device=nasty,
    )  # fmt: skip
    names = ("a<b>'\"&", "$\\frac$", "_under {{ 7 * 7 }}")
    folders = [write_result(tmp_path / names[0], bad)]
    folders += [write_training(tmp_path / name, "torch") for name in names[1:]]
    text = page(read_runs(folders)).decode()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    for name in names:
        assert str(escape(name)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text


def test_the_same_runs_give_the_same_bytes(runs: list[Path], text: str, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("an older page")
    run = run_in_a_process("report", *runs, "--out", out, "--pictures", tmp_path / "pictures")
    assert run.returncode == 0, run.stderr
    assert out.read_text() == text
    drawn = pictures(read_runs(runs))
    found = {file.name: file.read_bytes() for file in (tmp_path / "pictures").iterdir()}
    assert found == drawn
    assert "curves.png" in drawn
    assert sum(name.startswith("drift-") for name in drawn) >= 2  # in float64 and in float32
    files = [out, *(tmp_path / "pictures" / name for name in drawn)]
    assert run.stdout == "".join(f"wrote {file}\n" for file in files)


def test_what_was_not_given_is_left_out_with_the_command_for_it(runs: list[Path]) -> None:
    parity, training = page(read_runs(runs[:1])).decode(), page(read_runs(runs[3:4])).decode()
    for name, command in (("verdict", "parity"), ("ladder", "parity"), ("trajectory", "parity")):
        assert f"twin-cnn {command}" in section(training, name)
        assert "<table" not in section(training, name)
    assert "twin-cnn parity --dtype float32" in section(parity, "envelope")
    assert "twin-cnn train" in section(parity, "curves")
    assert "<svg" not in section(parity, "curves")
    assert "learning rate" in section(parity, "schedule")
    assert "twin-cnn train --backend keras" in section(training, "weights")


def damaged(**changes: object) -> str:
    return json.dumps(json.loads(parity_result().to_json()) | changes)


FREE = json.loads(parity_result().to_json())["free_running"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "JSON"),
        ("[1, 2]", "object"),
        ("{" * 100_000, "JSON"),
        (damaged(steps=-1), "steps = -1: input should be greater than or equal to 1"),
        (damaged(surprise=1), "surprise"),
        (damaged(first_difference="gradients"), "rungs that failed are []"),
        (damaged(free_running=FREE | {"loss": [1.0]}), "loss has 1 entries; accepted: 3"),
        (damaged(free_running=FREE | {"steps": []}), "at least 1 item"),
        (damaged(experiment=None), "experiment"),
        (" " * (2**25 + 1), "it has 33554433 bytes; accepted: at most 33554432"),
    ],
    ids=range(10),
)
def test_a_broken_parity_file_is_refused_in_one_sentence(
    content: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError) as refused:
        page(read_runs([tmp_path]))
    assert str(refused.value).startswith(str(tmp_path / FILE))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", SCRIPTS / "report.py"):
        with pytest.raises(UserError, match="there is no run in it; accepted: a folder of"):
            page(read_runs([folder]))
    (tmp_path / "latest.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match=r"latest\.safetensors: it is not a safetensors file"):
        page(read_runs([tmp_path]))


@pytest.mark.parametrize("out", ["", "nowhere/page.html"])
def test_bad_input_of_the_command_ends_in_one_sentence(
    out: str, runs: list[Path], tmp_path: Path
) -> None:
    run = run_script("report", runs[0], "--out", tmp_path / out)
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_read_as_it_was_written(runs: list[Path]) -> None:
    assert read_parity_result(runs[2]) == parted_result()


def test_a_result_from_before_the_report_is_still_read(tmp_path: Path) -> None:
    known = json.loads(parted_result().to_json())
    for name in ("machine", "explanation", "free_running", "twin_distances", "random_digits"):
        del known[name]
    (tmp_path / FILE).write_text(json.dumps(known))
    text = page(read_runs([tmp_path])).decode()
    assert "cause: backward twice" in section(text, "verdict")


def test_the_report_loads_no_framework() -> None:
    code = "import sys, parity_tests.report\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert "matplotlib" in loaded
    assert not {"torch", "keras", "tensorflow", "jax", "scipy"} & loaded
