"""The scripts that look at a run, on a real one, as a person runs them."""

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import confusion_matrix

import keras_ref
import torch_cnn
from cnn_experiment import PRESETS, Pixels, RunFolder, load_pixels, preset
from cnn_experiment.look import pictures
from cnn_experiment.look.own_digit import as_mnist
from cnn_experiment.look.picture_file import read_grey
from tests.running_scripts import SCRIPTS, run_in_a_process, run_script

Options = list[str | Path]
TEST_IMAGES = 2000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Article II's network after one epoch of some training images."""
    out = tmp_path_factory.mktemp("run")
    few = ["--train-images", "20000", "--test-images", str(TEST_IMAGES)]
    done = run_script("train", "--epochs", "1", *few, "--device", "cpu", "--out", out)
    assert done.returncode == 0, done.stderr
    assert RunFolder(out).curves_file.exists()
    return out


def network_of(run: Path, backend: ModuleType) -> Any:
    checkpoint = RunFolder(run).read()
    model = backend.build_model(checkpoint.experiment)
    backend.load_neutral_weights(model, checkpoint.weights)
    return model


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    data = preset("article-2").data.with_changes(test_images=TEST_IMAGES)
    return load_pixels(preset("article-2").with_changes(data=data))


@pytest.fixture(scope="module")
def test_images(pixels: Pixels) -> NDArray[np.float32]:
    return pixels.scaled(pixels.test_images, np.float32)[..., np.newaxis]


@pytest.mark.parametrize(
    ("layer", "which", "numbers"),
    [("conv2d_1", ["--image", "3"], [3]), ("dense_1", ["--compare", "3,8,3"], [3, 8, 3])],
)
def test_what_a_layer_sees_in_both_frameworks(
    layer: str,
    which: list[str],
    numbers: list[int],
    run: Path,
    pixels: Pixels,
    test_images: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    """The picture is the one that is drawn here of both frameworks' outputs, byte for byte."""
    out = tmp_path / "maps.png"
    done = run_script(
        "activations", "--run", run, "--backend", "both", "--layer", layer, *which, "--out", out
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        side.layer_outputs(network_of(run, side), test_images[numbers])[layer]
        for side in (torch_cnn, keras_ref)
    )
    rows = []
    for number, mine, other in zip(numbers, ours, theirs, strict=True):
        furthest = np.abs(mine - other).max()
        title = f"torch - keras: at most {furthest:.1e}" if furthest else "torch - keras: the same"
        panels = [
            pictures.Panel("torch", mine),
            pictures.Panel("keras", other),
            pictures.Panel(title, mine - other, is_difference=True),
        ]
        name = f"image {number}: a {pixels.test_labels[number]}"
        rows.append(pictures.ImageRow(name, pixels.test_images[number], panels))
    assert out.read_bytes() == pictures.png(pictures.layer_outputs(rows))
    assert f"at most {np.abs(ours - theirs).max():.2g} apart" in done.stdout


@pytest.mark.parametrize("options", [["--scale"], ["--cmap", "viridis"]])
def test_scaled_maps_and_other_colours(
    options: list[str],
    run: Path,
    pixels: Pixels,
    test_images: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    out = tmp_path / "maps.png"
    which: Options = ["--run", run, "--layer", "max_pool_1", "--image", "0"]
    done = run_script("activations", *which, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"max_pool_1, 13x13x32: wrote {out}\n"
    model = network_of(run, torch_cnn)
    maps = torch_cnn.layer_outputs(model, test_images[:1])["max_pool_1"][0]
    panel = pictures.Panel("torch", pictures.standardised(maps) if "--scale" in options else maps)
    name = f"image 0: a {pixels.test_labels[0]}"
    looked = pictures.ImageRow(name, pixels.test_images[0], [panel])
    colours = "viridis" if "--cmap" in options else "jet"
    assert out.read_bytes() == pictures.png(pictures.layer_outputs([looked], colours))


@pytest.mark.parametrize("layer", ["Conv2D_1", "Max_Pool_1", "Dense_1", "FLATTEN"])
def test_a_layer_of_a_training_image_by_the_articles_name(
    layer: str, run: Path, pixels: Pixels, tmp_path: Path
) -> None:
    out, number = tmp_path / "maps.png", 19_999
    which: Options = ["--run", run, "--layer", layer, "--image", str(number), "--set", "train"]
    done = run_script("activations", *which, "--out", out)
    assert done.returncode == 0, done.stderr
    image = pixels.train_images[[number]]
    seen = pixels.scaled(image, np.float32)[..., np.newaxis]
    outputs = torch_cnn.layer_outputs(network_of(run, torch_cnn), seen)[layer.lower()][0]
    title = f"training image {number}: a {pixels.train_labels[number]}"
    looked = pictures.ImageRow(title, image[0], [pictures.Panel("torch", outputs)])
    assert out.read_bytes() == pictures.png(pictures.layer_outputs([looked]))


def caption(number: int, label: int, found: NDArray[np.float32]) -> str:
    best, second = found.argsort()[::-1][:2]
    lines = [f"{digit} {100 * found[digit]:.1f} %" for digit in (best, second)]
    return "\n".join([f"{number}: a {label}", *lines])


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_doubtful_digits(
    backend: str, run: Path, pixels: Pixels, test_images: NDArray[np.float32], tmp_path: Path
) -> None:
    done = run_script("doubtful", "--run", run, "--backend", backend, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    side = {"torch": torch_cnn, "keras": keras_ref}[backend]
    found = side.predict(network_of(run, side), test_images)
    labels = pixels.test_labels
    likeliest = np.sort(found, axis=1)
    unsure = np.argsort(likeliest[:, -1] - likeliest[:, -2], kind="stable")[:16]
    wrong = [number for number in range(TEST_IMAGES) if found[number].argmax() != labels[number]]
    wrong.sort(key=lambda number: -found[number].max())
    assert 0 < len(wrong) <= 200  # no more than a sheet holds
    right = f"{(found.argmax(axis=1) == labels).sum():,} of 2,000 right"

    assert done.stdout.startswith(f"test images: {right}, ")
    for number in [*unsure, *wrong]:
        name, best, second = caption(number, labels[number], found[number]).split("\n")
        assert f"  image {name.replace(':', ',')}: {best}, then {second}\n" in done.stdout
    counts = confusion_matrix(labels, found.argmax(axis=1))
    share = done.stdout.splitlines()[0].removeprefix("test images: ")
    title = f"{len(wrong)} misclassified digits, the surest mistakes first"
    expected = {"confusion.png": pictures.png(pictures.confusion_matrix(counts, share))}
    for name, numbers, words in (
        ("least_sure.png", unsure, "the 16 digits it is least sure of"),
        ("misclassified.png", wrong, title),
    ):
        captions = [caption(number, labels[number], found[number]) for number in numbers]
        sheet = pictures.digit_sheet([pixels.test_images[n] for n in numbers], captions, words)
        expected[name] = pictures.png(sheet)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == expected


def test_a_pair_of_digits(
    run: Path, pixels: Pixels, test_images: NDArray[np.float32], tmp_path: Path
) -> None:
    few = ["--pair", "4,9", "--count", "5"]
    done = run_script("doubtful", "--run", run, *few, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = torch_cnn.predict(network_of(run, torch_cnn), test_images)
    labels = pixels.test_labels
    of_both = [number for number in range(TEST_IMAGES) if labels[number] in (4, 9)]
    of_both.sort(key=lambda number: -found[number][13 - labels[number]])  # 9 for a 4, 4 for a 9
    counts = confusion_matrix(labels, found.argmax(axis=1))
    assert f"a 4 taken for a 9: {counts[4, 9]} of {counts[4].sum()}" in done.stdout
    assert f"a 9 taken for a 4: {counts[9, 4]} of {counts[9].sum():,}" in done.stdout
    shown = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  image")]
    assert shown == [f"{number}," for number in of_both[:5]]
    captions = [caption(n, labels[n], found[n]) for n in of_both[:5]]
    title = "of the 4 and 9, those likeliest to be the other"
    sheet = pictures.digit_sheet([pixels.test_images[n] for n in of_both[:5]], captions, title)
    assert [file.name for file in tmp_path.iterdir()] == ["pair_4_9.png"]
    assert (tmp_path / "pair_4_9.png").read_bytes() == pictures.png(sheet)


def large_and_shifted(digit: NDArray[np.uint8], right: int, down: int) -> Image.Image:
    """280x280, dark on light, moved by so many pixels."""
    page = Image.new("L", (280, 280), 255)
    enlarged = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
    page.paste(enlarged, (right, down))
    return page


def test_own_digits_are_read(run: Path, pixels: Pixels, tmp_path: Path) -> None:
    """95 of 100 test digits, enlarged, inverted, shifted by up to 40 pixels and saved as JPEG."""
    source = np.random.RandomState(0)
    files = []
    for number, digit in enumerate(pixels.test_images[:100]):
        files.append(tmp_path / f"{number}.jpg")
        right, down = (int(by) for by in source.randint(-40, 41, 2))
        large_and_shifted(digit, right, down).save(files[-1])
    done = run_script("predict", "--run", run, *files, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["image"] for row in found] == [str(file) for file in files]
    assert all(abs(sum(row["probabilities"]) - 1) < 1e-5 for row in found)
    read = np.array([row["digit"] for row in found])
    assert (read == pixels.test_labels[:100]).sum() >= 95


def test_the_table_and_the_picture_of_what_was_seen(
    run: Path, pixels: Pixels, tmp_path: Path
) -> None:
    files, seen = [tmp_path / "one.png", tmp_path / "other.png"], tmp_path / "seen.png"
    for file, digit in zip(files, pixels.test_images, strict=False):
        large_and_shifted(digit, 10, -10).save(file)
    done = run_script("predict", "--run", run, *files, "--show", seen)
    assert done.returncode == 0, done.stderr
    heads, _, *rows = done.stdout.splitlines()
    assert heads.split() == ["image", "digit", *"0123456789"]
    assert [int(row.split()[1]) for row in rows] == pixels.test_labels[:2].tolist()
    pages = [read_grey(file) for file in files]
    digits = np.stack([as_mnist(page) for page in pages])
    found = torch_cnn.predict(
        network_of(run, torch_cnn), pixels.scaled(digits, np.float32)[..., np.newaxis]
    )
    guesses = [
        pictures.Guess(file.name, *rest)
        for file, *rest in zip(files, pages, digits, found, strict=True)
    ]
    assert seen.read_bytes() == pictures.png(pictures.guesses(guesses))


@pytest.mark.parametrize(("image_set", "backend"), [("test", "torch"), ("train", "keras")])
def test_the_probabilities_of_numbered_images(
    image_set: str, backend: str, run: Path, pixels: Pixels, tmp_path: Path
) -> None:
    seen, numbers = tmp_path / "seen.png", [1302, 7]
    which: Options = ["--run", run, "--image", "1302,7", "--set", image_set, "--backend", backend]
    done = run_script("predict", *which, "--json", "--show", seen)
    assert done.returncode == 0, done.stderr
    images = getattr(pixels, f"{image_set}_images")[numbers]
    labels = getattr(pixels, f"{image_set}_labels")[numbers].tolist()
    side = {"torch": torch_cnn, "keras": keras_ref}[backend]
    found = side.predict(network_of(run, side), pixels.scaled(images, np.float32)[..., np.newaxis])
    likeliest = found.argmax(axis=1).tolist()
    assert json.loads(done.stdout) == [
        {"image": number, "label": label, "digit": digit, "probabilities": row}
        for number, label, digit, row in zip(
            numbers, labels, likeliest, found.tolist(), strict=True
        )
    ]
    words = "training image" if image_set == "train" else "image"
    guesses = [
        pictures.Guess(f"{words} {number}: a {label}", image, image, row)
        for number, label, image, row in zip(numbers, labels, images, found, strict=True)
    ]
    assert seen.read_bytes() == pictures.png(pictures.guesses(guesses))

    heads, _, *rows = run_script("predict", *which).stdout.splitlines()
    assert heads.split() == ["image", "label", "digit", *"0123456789"]
    told = [tuple(int(word) for word in row.split()[:3]) for row in rows]
    assert told == list(zip(numbers, labels, likeliest, strict=True))
    shares = [row.replace(" %", "").split()[3:] for row in rows]
    assert shares == [[f"{100 * value:.1f}" for value in row] for row in found]


@pytest.mark.parametrize("name", PRESETS)
def test_the_summary_tells_both_frameworks_shapes(name: str) -> None:
    """They are the real ones."""
    done = run_script("summary", "--preset", name)
    assert done.returncode == 0, done.stderr
    theirs, ours = (side.build_model(preset(name)) for side in (keras_ref, torch_cnn))
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    state = ours.state_dict()
    for layer in theirs.layers:
        assert f"{layer.count_params():,}" in rows[layer.name]
        assert " x ".join(map(str, layer.output.shape[1:])) in rows[layer.name]
        if layer.weights:
            shapes = (layer.kernel.shape, state[f"{layer.name}.weight"].shape)
            texts = [" x ".join(map(str, shape)) for shape in shapes]
            assert rows[layer.name].split("  ")[-1].strip() == texts[1]
            assert texts[0] in rows[layer.name]
    assert f"parameters: {theirs.count_params():,}" in rows["parameters:"]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "activations",
            ["--layer", "Dense_9", "--image", "0"],
            "layer = 'Dense_9': accepted: conv2d_1, max_pool_1, conv2d_2, max_pool_2, conv2d_3,"
            " flatten, dense_1, dense_2, in small or capital letters",
        ),
        ("activations", ["--layer", "dense_1", "--image", "2000"], "accepted: 0 to 1999, the test"),
        (
            "activations",
            ["--layer", "dense_1", "--image", "20000", "--set", "train"],
            "image = 20000: accepted: 0 to 19999, the training images",
        ),
        ("activations", ["--layer", "dense_1", "--compare", "1,-1"], "image = -1: accepted: 0 to"),
        (
            "activations",
            ["--layer", "dense_1", "--image", "0", "--cmap", "plaid"],
            "cmap = 'plaid': accepted: jet",
        ),
        (
            "activations",
            ["--layer", "dense_1", "--image", "0", "--out", "/nowhere/a.png"],
            "out = /nowhere/a.png: accepted: a file in a folder that exists",
        ),
        (
            "activations",
            ["--layer", "dense_1", "--image", "0", "--out", "/nowhere/a.jpg"],
            "out = /nowhere/a.jpg: accepted: a name that ends in .png",
        ),
        ("doubtful", ["--pair", "4,10"], "pair = (4, 10): accepted: two of 0 to 9"),
        ("doubtful", ["--count", "0"], "count = 0: accepted: 1 to 200"),
        ("doubtful", ["--out", SCRIPTS / "train.py"], "train.py: it is a file; accepted: a folder"),
        (
            "activations",
            ["--layer", "dense_1", "--compare", ",".join("1" * 17)],
            "compare = 17 images: accepted: at most 16",
        ),
        ("doubtful", ["--run", "/nowhere"], "run = /nowhere: there is no latest.safetensors in it"),
        ("predict", [SCRIPTS / "predict.py"], "predict.py: it cannot be read as a picture"),
        ("predict", ["/nowhere.png"], "image = /nowhere.png: it is not a file"),
        ("predict", ["--image", "1,2000"], "image = 2000: accepted: 0 to 1999, the test images"),
        ("predict", ["a.png", "--set", "train"], "set = 'train': accepted: together with --image"),
        ("predict", ["--image", ",".join("1" * 51), "--show", "a.png"], "show: 51 images; accepte"),
        ("summary", ["--preset", "article-9"], "preset = 'article-9': accepted: article-2"),
        ("summary", ["--experiment", "/nowhere.json"], "/nowhere.json: it is not a file"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    name: str, options: list[str | Path], sentence: str, run: Path, tmp_path: Path
) -> None:
    given: Options = [] if name == "summary" else ["--run", run]
    if name == "activations":
        given += ["--out", tmp_path / "a.png"]
    done = run_script(name, *given, *options)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("activations", ["--layer", "dense_1", "--compare", "1,x", "--out", "a.png"]),
        ("doubtful", ["--pair", "4,4", "--out", "a.png"]),
        ("predict", ["--image", "1,x"]),
    ],
)
def test_what_is_no_number_is_refused(name: str, options: list[str]) -> None:
    done = run_script(name, "--run", "anywhere", *options)
    assert done.returncode == 2
    assert "; accepted: " in done.stderr


def test_files_and_numbers_exclude_each_other_and_one_is_needed() -> None:
    both = run_script("predict", "--run", "anywhere", "a.png", "--image", "3")
    neither = run_script("predict", "--run", "anywhere")
    assert (both.returncode, neither.returncode) == (2, 2)
    assert "argument --image: not allowed with argument FILE" in both.stderr
    assert "one of the arguments FILE --image is required" in neither.stderr


def test_without_matplotlib_a_run_goes_on_and_a_picture_is_refused(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(name='matplotlib')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    few = ["--train-images", "64", "--test-images", "10", "--epochs", "1"]
    done = run_in_a_process("train", *few, "--out", tmp_path / "run", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "no curves: matplotlib is not installed here; pip install '.[plots]'" in done.stderr
    asked = run_in_a_process(
        "train", *few, "--plot", "curves", "--out", tmp_path / "b", PYTHONPATH=path
    )
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    which: Options = ["--run", run, "--layer", "dense_1", "--image", "0"]
    done = run_in_a_process("activations", *which, "--out", tmp_path / "a.png", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr == "error: matplotlib is not installed here; pip install '.[plots]'\n"


def test_a_run_without_curves_writes_none(tmp_path: Path) -> None:
    few = ["--train-images", "64", "--test-images", "10", "--epochs", "1", "--plot", "none"]
    assert run_script("train", *few, "--out", tmp_path).returncode == 0
    assert not RunFolder(tmp_path).curves_file.exists()


@pytest.mark.parametrize(("name", "line"), [("article-3", 0.992), ("article-3-addendum", 0.9935)])
def test_curves_have_the_line_that_the_article_draws(
    name: str, line: float, tmp_path: Path
) -> None:
    few = ["--train-images", "128", "--test-images", "100", "--epochs", "1", "--device", "cpu"]
    done = run_script("train", "--preset", name, *few, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path)
    drawn = pictures.curves({"": folder.read().history}, 1, lines=(line,))
    assert folder.curves_file.read_bytes() == pictures.png(drawn)


def test_curves_of_a_resumed_run_are_those_of_the_run_left_alone(tmp_path: Path) -> None:
    few = ["--train-images", "300", "--test-images", "100", "--device", "cpu"]
    alone, resumed = (RunFolder(tmp_path / name) for name in ("alone", "resumed"))
    runs: list[Options] = [
        [*few, "--epochs", "3", "--out", alone.path],
        [*few, "--epochs", "1", "--out", resumed.path],
        ["--resume", resumed.path, "--epochs", "3", "--device", "cpu"],
    ]
    for options in runs:
        done = run_script("train", *options)
        assert done.returncode == 0, done.stderr
    assert resumed.curves_file.read_bytes() == alone.curves_file.read_bytes()
