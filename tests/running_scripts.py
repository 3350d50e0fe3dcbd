"""Runs a script as a person does: in this process, which has the frameworks, or in one of its own.

In this process it takes its arguments, prints and exits in the same way, and a start of the
frameworks is saved. What only a process of its own shows is tested with one: signals, a terminal,
the environment, what is imported.
"""

import contextlib
import io
import logging
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"

Run = subprocess.CompletedProcess[str]


def command(name: str, *options: str | Path) -> list[str]:
    """Return the command line of `scripts/NAME.py`."""
    return [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, options)]


def run_in_a_process(
    name: str,
    *options: str | Path,
    before: Callable[[], object] | None = None,
    timeout: float | None = None,
    **environment: str,
) -> Run:
    """Run the script in a process of its own; `before` is called in it before Python starts."""
    return subprocess.run(
        command(name, *options),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
        timeout=timeout,
    )


def run_script(name: str, *options: str | Path) -> Run:
    """Run the script in this process, and leave the process as it was."""
    line = command(name, *options)
    out, err = io.StringIO(), io.StringIO()
    with kept_as_it_was(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = line[1:]
        status = _status_of(line[1])
    return subprocess.CompletedProcess(line, status, out.getvalue(), err.getvalue())


def _status_of(path: str) -> int:
    """Run the file as Python does, and tell on its standard error of what it ends with."""
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def kept_as_it_was() -> Iterator[None]:
    """Take back what a script changes of its process: what it may, as it is the only one there."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    arguments, environment = sys.argv, dict(os.environ)
    log.handlers.clear()  # where there are some, `basicConfig` adds none
    try:
        with settings_of_torch_as_they_were():
            yield
    finally:
        sys.argv = arguments
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        log.handlers[:] = handlers
        log.setLevel(level)
        for number, handler in heard.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def settings_of_torch_as_they_were() -> Iterator[None]:
    """Take back what `prepare_process` and `set_threads` set, where PyTorch is loaded by then."""
    names = ("_shares", "_threads")
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    loaded = vars(sys.modules.get("torch_cnn.process", sys))
    kept = {name: loaded[name] for name in names if name in loaded}
    try:
        yield
    finally:
        if "torch" in sys.modules:
            import torch

            torch.set_flush_denormal(False)
            if threads is not None:
                torch.set_num_threads(threads)
        if "torch_cnn.process" in sys.modules:
            from torch_cnn.shares import Shares

            vars(sys.modules["torch_cnn.process"]).update({"_shares": Shares(), "_threads": None})
            vars(sys.modules["torch_cnn.process"]).update(kept)
