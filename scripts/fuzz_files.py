"""Damage files of every kind that is opened here, thousands of times, and open them.

    python scripts/fuzz_files.py --files 10000 --out results/fuzz.json

Sound files are written once, the Keras ones by Keras itself; then each turn flips bits, cuts,
repeats or overwrites a part, claims a huge size, another dtype or another name, or nests JSON
deeply. Opening must give a state that is valid through and through, or end in our own error:
anything else, a crash, more than 2 seconds of processor time, or more memory than 4 times the file
and a fixed base is reported with the mutation's number, and the exit status is 1.
"""

import argparse
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 2.0
BASE_MEMORY = 256 * 2**20
"""Bytes of address space, besides 4 times the file, that opening may need anew."""
BY_KERAS = """
import sys
import keras_ref
from cnn_experiment import Experiment
folder = sys.argv[1]
experiment = Experiment.from_json(open(folder + "/experiment.json", "rb").read())
model = keras_ref.build_model(experiment)
model.save(folder + "/model.keras")
model.save(folder + "/model.h5")
model.save_weights(folder + "/model.weights.h5")
"""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000, metavar="N", help="default 10000")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the mutations")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the counts as JSON")
    return parser.parse_args()


def main() -> None:
    """Damage and open; exit with 1 where something else than our own error came of it."""
    options = arguments()
    from tqdm import tqdm

    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_atomically

    counts: Counter[str] = Counter()
    failures: list[str] = []
    try:
        if options.files < 1:
            raise UserError(f"files = {options.files}: accepted: 1 or more")
        with tempfile.TemporaryDirectory() as scratch:
            sound = sound_files(Path(scratch))
            names = sorted(sound)
            for name, content in sound.items():
                if (outcome := in_a_process(Path(scratch), name, content)) != "loads":
                    failures.append(f"{name}, not damaged: {outcome}")
            for number in tqdm(range(options.files), desc="files", disable=None):
                name = names[number % len(names)]
                source = random.Random(f"{options.seed}/{number}")  # noqa: S311 - no secrets here
                content, how = mutated(name, sound[name], source)
                outcome = in_a_process(Path(scratch), name, content)
                counts[f"{name}: {outcome if outcome in ('loads', 'refused') else 'FAILS'}"] += 1
                if outcome not in ("loads", "refused"):
                    failures.append(f"{number}, {name}, {how}: {outcome}")
                    tqdm.write(failures[-1])
        result = {
            "files": options.files,
            "seed": options.seed,
            "outcomes": dict(sorted(counts.items())),
            "failures": failures,
        }
        print(json.dumps(result, indent=2))
        if options.out is not None:
            write_atomically(options.out, (json.dumps(result, indent=2) + "\n").encode())
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    sys.exit(1 if failures else 0)


def experiment_of_the_files() -> Any:
    """A network of all kinds of layers, small, so that damage often hits what matters."""
    from cnn_experiment import Convolution, Data, Hidden, Nadam, Network, preset

    network = Network(
        input_shape=(12, 10, 1),
        convolutions=(Convolution(filters=2), Convolution(filters=3)),
        pools=((2, 2),),
        hidden=(Hidden(units=4),),
    )
    return preset("article-3-addendum").with_changes(
        network=network,
        optimizer=Nadam(),
        epochs=3,
        data=Data(train_images=640, test_images=100),
    )


def sound_files(folder: Path) -> dict[str, bytes]:
    """Content of a sound file of each kind, by name."""
    from PIL import Image, ImageDraw

    import cnn_experiment.look.own_digit  # noqa: F401 - SciPy is loaded once, not by each process
    from cnn_experiment import Checkpoint, EpochRecord, Tally, initial_weights
    from cnn_experiment.data.mnist_files import FILES, data_root
    from cnn_experiment.formats.weight_files import weights_as

    experiment = experiment_of_the_files()
    weights = initial_weights(experiment.network, 0, experiment.dtype)
    record = EpochRecord(
        epoch=1,
        step=10,
        learning_rate=1e-3,
        loss=2.0,
        accuracy=0.5,
        val_loss=2.1,
        val_accuracy=0.4,
        seconds=1.0,
    )
    checkpoint = Checkpoint(
        experiment,
        weights,
        experiment.initial_optimizer_state(),
        epoch=1,
        batch=3,
        tally=Tally(images=192, loss=300.0, hits=100),
        history=(record,),
    )
    (folder / "experiment.json").write_text(experiment.to_json())
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", BY_KERAS, str(folder)],
        check=True,
        capture_output=True,
    )
    made_by_keras = ("experiment.json", "model.keras", "model.h5", "model.weights.h5")
    labels = FILES[3].name
    pages = {name: io.BytesIO() for name in ("digit.png", "digit.jpg")}
    page = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(page).ellipse((70, 30, 180, 220), outline="navy", width=24)  # a 0
    for name, file in pages.items():
        page.save(file, "PNG" if name.endswith("png") else "JPEG")
    pictures = {name: file.getvalue() for name, file in pages.items()}
    return (
        pictures
        | {name: (folder / name).read_bytes() for name in made_by_keras}
        | {
            "latest.safetensors": checkpoint.to_bytes(),
            "torch.safetensors": weights_as("torch", experiment, weights),
            labels: (data_root() / "MNIST" / "raw" / labels).read_bytes(),
        }
    )


def mutated(name: str, content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Return the content with one to three kinds of damage, and what they were.

    Half of the time within what wraps it, a zip archive or the length of a header, so that the
    damage is met by more than the check of the wrapping.
    """
    within = source.random() < 0.5
    if within and name.endswith(".keras"):
        return in_a_member(content, source)
    if within and name.endswith(".safetensors"):
        end = 8 + int.from_bytes(content[:8], "little")
        header, how = damaged(content[8:end], source)
        return len(header).to_bytes(8, "little") + header + content[end:], f"header: {how}"
    return damaged(content, source)


def damaged(content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Return the content with one to three kinds of damage, and what they were."""
    done = []
    for _ in range(source.choice((1, 1, 2, 3))):
        mutation = source.choice(MUTATIONS)
        content = mutation(content, source)
        done.append(mutation.__name__)
    return content, "+".join(done)


def in_a_member(content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Damage one file of a zip archive, and pack it again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = source.choice(sorted(members))
    members[chosen], how = damaged(members[chosen], source)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", source.choice((0, 8))) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue(), f"{chosen}: {how}"


def flipped_bits(content: bytes, source: random.Random) -> bytes:
    """A few bits, most often near the beginning, where headers are."""
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 4, 32))):
        reach = source.choice((64, 1024, len(data)))
        if data:
            data[source.randrange(min(reach, len(data)))] ^= 1 << source.randrange(8)
    return bytes(data)


def cut(content: bytes, source: random.Random) -> bytes:
    """The first part alone."""
    return content[: source.randint(0, len(content))]


def grown(content: bytes, source: random.Random) -> bytes:
    """A part of it once more, somewhere."""
    begin, place = source.randint(0, len(content)), source.randint(0, len(content))
    return content[:place] + content[begin : begin + 1000] + content[place:]


def overwritten(content: bytes, source: random.Random) -> bytes:
    """A part in zeros, ones or noise."""
    begin = source.randint(0, len(content))
    size = min(source.choice((1, 8, 100)), len(content) - begin)
    filling = source.choice((b"\0" * size, b"\xff" * size, source.randbytes(size)))
    return content[:begin] + filling + content[begin + size :]


def huge_size(content: bytes, source: random.Random) -> bytes:
    """A large number where eight or four bytes may be a size, or among the digits of a text."""
    number = source.choice((2**63 - 1, 2**40, 2**32 - 1, 2**31, 10**9))
    if source.random() < 0.5:
        digits = [i for i, byte in enumerate(content[:5000]) if 48 <= byte <= 57]
        if digits:
            place = source.choice(digits)
            return content[:place] + str(number).encode() + content[place + 1 :]
    place = source.randrange(0, max(1, min(len(content), 4096)), 4)
    size = source.choice((4, 8))
    packed = (number % (1 << 8 * size)).to_bytes(size, "little")
    return content[:place] + packed + content[place + size :]


def other_dtype(content: bytes, source: random.Random) -> bytes:
    """Another word for the numbers' kind."""
    words = (b"F32", b"F64", b"BF16", b"I64", b"U8", b"float32", b"float64", b"int32", b"object")
    present = [word for word in words if word in content] or [b"F32"]
    return content.replace(source.choice(present), source.choice(words), source.choice((1, -1)))


def other_name(content: bytes, source: random.Random) -> bytes:
    """A tensor, layer or field by another name."""
    words = (b"kernel", b"bias", b"dense", b"conv2d", b"weights", b"epoch", b"vars", b"Dense")
    present = [word for word in words if word in content] or [b"kernel"]
    new = (b"lernel", b"", b"../../x", b"Lambda", b"\xff\xfe", b"a" * 1000)
    return content.replace(source.choice(present), source.choice(new), source.choice((1, -1)))


def deep_json(content: bytes, source: random.Random) -> bytes:
    """Brackets in brackets, in the place of a bracket."""
    depth = source.choice((100, 10_000, 200_000))
    nest = source.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth))
    places = [i for i, byte in enumerate(content[:5000]) if byte in b"[{"]
    place = source.choice(places) if places else 0
    return content[:place] + nest + content[place:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped_bits,
    cut,
    grown,
    overwritten,
    huge_size,
    other_dtype,
    other_name,
    deep_json,
)


def in_a_process(folder: Path, name: str, content: bytes) -> str:
    """Open the content in a process with limits: `loads`, `refused`, or what went wrong."""
    path = folder / "mutated" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(30)  # ends a child that waits for ever, which costs no processor time
        word = "it did not end"
        try:
            word = opened(path, len(content))
        except BaseException as error:  # whatever it is, it is the finding
            word = f"{type(error).__name__}: {error}"[:500]
        finally:
            os.write(writing, word.encode(errors="replace"))
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        word = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    if status != 0:
        return f"it ended with status {status}"
    return word if seconds < SECONDS else f"{seconds:.1f} s of processor time"


def opened(path: Path, size: int) -> str:
    """Open the file as whoever meets it would."""
    from cnn_experiment import UserError, read_checkpoint
    from cnn_experiment.data.mnist_files import FILES, data_root, read_mnist_files
    from cnn_experiment.formats.weight_files import read_weights
    from cnn_experiment.look.own_digit import as_mnist, read_grey
    from cnn_experiment.runs.run_folder import read_experiment

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + BASE_MEMORY + 4 * size
    if path.suffix != ".h5" and path.suffix != ".keras":  # these are read in a process of their own
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    experiment = experiment_of_the_files()
    try:
        match path.name:
            case "experiment.json":
                found = read_experiment(path)
                assert type(found).from_json(found.to_json()) == found  # noqa: S101
            case "latest.safetensors":
                read_checkpoint(path).to_bytes()  # which looks at every number
            case "torch.safetensors" | "model.keras" | "model.h5" | "model.weights.h5":
                must_be_valid(*read_weights(path, experiment))
            case "digit.png" | "digit.jpg":
                digit = as_mnist(read_grey(path))
                assert (digit.shape, digit.dtype.name) == ((28, 28), "uint8")  # noqa: S101
            case _:
                root = path.parent / "root"  # the other three of MNIST's files are sound
                raw = root / "MNIST" / "raw"
                raw.mkdir(parents=True, exist_ok=True)
                for file in FILES:
                    (raw / file.name).unlink(missing_ok=True)
                    (raw / file.name).symlink_to(data_root() / "MNIST" / "raw" / file.name)
                path.replace(raw / path.name)
                read_mnist_files(root, sources=())
    except UserError as error:
        return "refused" if "\n" not in str(error) else f"no sentence: {error}"
    return "loads"


def must_be_valid(experiment: Any, weights: Any) -> None:
    """Look at what came of a model file, independently of the code that read it."""
    import numpy as np

    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == experiment.network.variable_shapes()  # noqa: S101
    for array in weights.values():
        assert array.dtype == experiment.dtype  # noqa: S101
        assert np.isfinite(array).all()  # noqa: S101


if __name__ == "__main__":
    main()
