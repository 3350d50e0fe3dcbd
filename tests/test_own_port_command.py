"""`scripts/parity.py` with a person's own model and port: exit status, sentences and files."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_scripts import Run, run_in_a_process, run_script

MINE = """
import keras
import numpy as np
import torch

from parity_ladder import TorchSide, pair


def keras_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def port_of(model, rate):
    net = torch.nn.Sequential(torch.nn.Linear(3, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)

    def step(x, y):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def port(model):
    return port_of(model, 0.1)


def port_with_another_rate(model):
    return port_of(model, 0.2)


def batches():
    source = np.random.default_rng(0)
    while True:
        yield source.normal(size=(4, 3)), source.normal(size=(4, 2))


def keras_model_that_fails():
    raise RuntimeError("this model is not ready")


def port_whose_step_fails(model):
    side = port(model)

    def step(x, y):
        raise ArithmeticError("no step today")

    return TorchSide(side.module, step, side.optimizer, pairs=side.pairs)


def port_of_two(model, rate):
    return None


def uncompiled():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


model = keras_model()
side = port(model)
number = 3
narrow = [(x[:, :2], y) for x, y in (next(batches()), next(batches()))]
of_texts = [(x.astype(str), y) for x, y in narrow]
not_finite = [(x * np.nan, y) for x, y in (next(batches()), next(batches()))]
few = [next(batches()), next(batches())]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a folder with modules of one's own, as a person is who runs the command."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "wrong.py").write_text("def port(:\n")
    (tmp_path / "raising.py").write_text("x = 1\nraise ValueError('two\\nlines')\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("mine", "broken", "wrong", "raising"):
        sys.modules.pop(name, None)


def parity(*options: str | Path, **names: str) -> Run:
    """Run the command with `mine:keras_model` and so on, unless `names` say otherwise."""
    chosen = {"reference": "keras_model", "port": "port", "batches": "batches"} | names
    given = [
        text
        for option, name in chosen.items()
        for text in (f"--{option}", name if ":" in name or "=" in name else f"mine:{name}")
    ]
    return run_script("parity", *given, "--steps", "2", *options)


def test_a_sound_port_exits_with_0_and_leaves_its_files(here: Path) -> None:
    run = parity("--out", "proof", "--report")
    assert run.returncode == 0, run.stderr
    assert "every rung that was judged holds" in run.stdout.splitlines()[-1]
    report = json.loads((here / "proof" / "parity.json").read_bytes())
    assert report["dtype"] == "float64"
    assert report["free_running"]["steps"] == [1, 2]
    assert "mine:port against mine:keras_model" in (here / "proof" / "report.html").read_text()


@pytest.mark.usefixtures("here")
def test_a_faulty_port_exits_with_1_and_the_cause() -> None:
    run = parity(port="port_with_another_rate")
    assert run.returncode == 1
    assert "learning rate, step 0: " in run.stdout
    assert "cause: another constant rate. " in run.stdout.splitlines()[-1]


@pytest.mark.usefixtures("here")
def test_objects_may_stand_in_the_module_themselves() -> None:
    run = parity(reference="model", port="side", batches="few")
    assert run.returncode == 0, run.stderr


def test_float32_is_climbed_in_float32(here: Path) -> None:
    run = parity("--dtype", "float32", "--twins", "2", "--out", "proof")
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((here / "proof" / "parity.json").read_bytes())["dtype"] == "float32"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"port": "a=b"}, "port = 'a=b': accepted: module:object, such as mine:port"),
        ({"port": "mine:"}, "port = 'mine:': accepted: module:object, such as mine:port"),
        ({"port": "yours:port"}, "port = yours:port: there is no module yours; accepted: one"),
        ({"port": "mine.net:port"}, "port = mine.net:port: there is no module mine.net; accepted"),
        ({"port": "nothing"}, "port = mine:nothing: the module mine has no nothing; it has keras"),
        ({"port": "number"}, "port = mine:number: it is of type int; accepted: a TorchSide or"),
        ({"port": "port_of_two"}, "port = mine:port_of_two: it takes 2 arguments; accepted: no"),
        ({"port": "port_whose_step_fails"}, "ArithmeticError: no step today (mine.py, line "),
        ({"reference": "number"}, "reference = mine:number: it is of type int; accepted: a comp"),
        ({"reference": "uncompiled"}, "is not compiled; accepted: a model after compile(), whose"),
        ({"reference": "port"}, "reference = mine:port: it takes an argument; accepted: none"),
        ({"reference": "keras_model_that_fails"}, "RuntimeError: this model is not ready (mine.p"),
        ({"reference": "broken:model"}, "reference = broken:model: ModuleNotFoundError: No modul"),
        ({"reference": "wrong:model"}, "reference = wrong:model: SyntaxError: "),
        ({"reference": "raising:x"}, "ValueError: two lines (raising.py, line 2)"),
        ({"batches": "number"}, "batches = mine:number: it is of type int; accepted: a sequence"),
        ({"batches": "narrow"}, "expected axis -1 of input shape to have value 3"),
        ({"batches": "of_texts"}, "batch[0] has dtype <U32; accepted: numbers"),
        ({"batches": "not_finite"}, "the loss of the reference is nan in step 0"),
    ],
    ids=str,
)
def test_what_is_not_accepted_ends_in_one_sentence(names: dict[str, str], sentence: str) -> None:
    run = parity(**names)
    assert run.returncode == 1
    assert [line[:7] for line in run.stderr.splitlines()] == ["error: "]
    assert sentence in run.stderr


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "mine:port"], "reference: it is missing; accepted: --reference, --port and"),
        (["--seed", "3"], "seed: it is about the MNIST experiment; accepted: without --port"),
        (["--mutant", "rho 0.99"], "mutant: it is about the MNIST experiment; accepted: without"),
        (["--report"], "report: it needs a folder; accepted: with --out DIR"),
        (["--steps", "0"], "steps = 0: accepted: a whole number, 1 or more"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_end_in_one_sentence(
    options: list[str], sentence: str
) -> None:
    run = run_script("parity", *options) if "--port" in options else parity(*options)
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: {sentence}")


@pytest.mark.usefixtures("here")
def test_an_error_of_ours_is_not_taken_for_one_of_the_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug of the ladder")

    monkeypatch.setattr("parity_ladder.own_port.climb", failing)
    run = parity()
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert "a bug of the ladder" in run.stderr


def test_the_modules_are_found_in_the_current_folder_by_a_process_of_its_own(here: Path) -> None:
    (here / "summary.py").write_text(MINE)  # as one of the scripts is called
    shutil.copy(here / "mine.py", here / "theirs.py")
    names = ("--reference", "summary:keras_model", "--port", "theirs:port")
    run = run_in_a_process("parity", *names, "--batches", "summary:few", "--steps", "1")
    assert run.returncode == 0, run.stderr
    assert "every rung that was judged holds" in run.stdout
