"""A climb with objects that are named as `module:object`, as a command line names them.

The modules are imported as Python does, from the current folder first. Nothing is unpickled.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from parity_ladder.errors import LadderError
from parity_ladder.ladder import climb
from parity_ladder.result import Result, RungResult
from parity_ladder.side import Side
from parity_ladder.tolerances import TWINS, Precision


@dataclass(frozen=True)
class OwnPort:
    """What to compare, each as `module:object`."""

    reference: str
    """A compiled Keras model, a function that returns one, or the same of a `Side`."""
    port: str
    """A `Side`, or a function that returns one; it gets the Keras model if it takes an argument."""
    batches: str
    """A sequence or another iterable of batches, or a function that returns one."""
    dtype: Precision = "float64"
    """Of the climb with a Keras model; a `Side` has its own."""
    steps: int | None = None
    """The number of batches, at most."""
    twins: int = TWINS

    def climb(self, on_rung: Callable[[RungResult], object] = lambda _: None) -> Result:
        """Climb. Raises `LadderError` for a name or an object that is not accepted.

        An exception within one of the modules is raised as a `LadderError`, too, with its own
        message and the line.
        """
        with _current_folder_first(), self._errors_of_the_modules():
            reference = self._reference()
            return climb(
                self._port(reference),
                reference,
                self._batches(),
                steps=self.steps,
                twins=self.twins,
                on_rung=on_rung,
            )

    def _reference(self) -> Side[Any]:
        made = _made("reference", self.reference)
        if isinstance(made, Side):
            return made
        import keras

        from parity_ladder import KerasSide

        if not isinstance(made, keras.Model):
            accepted = "a compiled keras.Model, a Side, or a function that returns one of them"
            raise _of_another_type("reference", self.reference, made, accepted)
        return KerasSide(made, dtype=self.dtype)

    def _port(self, reference: Side[Any]) -> Side[Any]:
        made = _made("port", self.port, getattr(reference, "model", None))
        if not isinstance(made, Side):
            accepted = "a TorchSide or another Side, or a function that returns one"
            raise _of_another_type("port", self.port, made, accepted)
        return made

    def _batches(self) -> Iterable[Any]:
        made = _made("batches", self.batches)
        if not isinstance(made, Iterable) or isinstance(made, str):
            accepted = "a sequence or another iterable of batches, or a function that returns one"
            raise _of_another_type("batches", self.batches, made, accepted)
        return made

    @contextmanager
    def _errors_of_the_modules(self) -> Iterator[None]:
        """Turn an exception that a line of one of the modules led to into a `LadderError`."""
        try:
            yield
        except LadderError:
            raise
        except Exception as error:
            names = (name.partition(":")[0] for name in (self.reference, self.port, self.batches))
            files = {getattr(sys.modules.get(name), "__file__", None) for name in names}
            lines = traceback.extract_tb(error.__traceback__)
            theirs = [each for each in lines if each.filename in files]
            if not theirs:
                raise
            raise LadderError(_told(error, theirs[-1])) from error


@contextmanager
def _current_folder_first() -> Iterator[None]:
    """Let Python look for modules in the current folder before all others."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _made(option: str, name: str, model: object = None) -> object:
    """Return the object of this name, or what it returns if it is a function.

    A function that takes an argument gets the model.
    """
    named = _named(option, name)
    if not inspect.isroutine(named):
        return named
    takes = [
        each
        for each in inspect.signature(named).parameters.values()
        if each.default is each.empty and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
    ]
    accepted = "no argument, or one that gets the Keras model" if option == "port" else "none"
    if len(takes) > (option == "port"):
        count = "an argument" if len(takes) == 1 else f"{len(takes)} arguments"
        raise LadderError(f"{option} = {name}: it takes {count}; accepted: {accepted}")
    if takes and model is None:
        raise LadderError(
            f"{option} = {name}: it takes an argument, and the reference has no Keras model that it"
            " could get; accepted: a function without arguments"
        )
    return named(model) if takes else named()


def _named(option: str, name: str) -> object:
    """Import the module of `module:object`, and return the object."""
    module_name, colon, object_name = name.partition(":")
    if not (module_name and colon and object_name):
        raise LadderError(f"{option} = {name!r}: accepted: module:object, such as mine:{option}")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise LadderError(f"{option} = {name}: {_told(error, _last_line(error))}") from error
        raise LadderError(
            f"{option} = {name}: there is no module {error.name}; accepted: one that Python can"
            " import, such as a file mine.py in the current folder for mine"
        ) from error
    except LadderError:
        raise
    except Exception as error:
        raise LadderError(f"{option} = {name}: {_told(error, _last_line(error))}") from error
    try:
        found: object = getattr(module, object_name)
    except AttributeError as error:
        there = [n for n in vars(module) if not n.startswith("_")]
        raise LadderError(
            f"{option} = {name}: the module {module_name} has no {object_name}; it has"
            f" {', '.join(there) or 'nothing'}"
        ) from error
    return found


def _last_line(error: BaseException) -> traceback.FrameSummary | None:
    """Return the line outside of Python's own import machinery that an error was raised in."""
    lines = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in lines if not each.filename.startswith("<frozen ")]
    return theirs[-1] if theirs and theirs[-1].filename != __file__ else None


def _told(error: BaseException, line: traceback.FrameSummary | None) -> str:
    """Return an error of someone else's code in one line: its class, its message and its place."""
    if isinstance(error, SyntaxError):  # it was raised in no line, and knows its own place
        return f"SyntaxError: {error}"
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        message if line is None else f"{message} ({Path(line.filename).name}, line {line.lineno})"
    )


def _of_another_type(option: str, name: str, made: object, accepted: str) -> LadderError:
    return LadderError(
        f"{option} = {name}: it is of type {type(made).__name__}; accepted: {accepted}"
    )
