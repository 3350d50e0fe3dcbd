"""What a measured result may depend on, besides its experiment: software, threads, machine."""

from importlib.metadata import version
from typing import Annotated, Self

from pydantic import Field

from cnn_experiment.machine import Machine
from cnn_experiment.value import Value


class Circumstances(Value):
    """The software, the number of threads and the machine of a measurement."""

    threads: Annotated[int, Field(ge=1)]
    versions: dict[str, str]
    machine: Machine
    gpu: str | None = None
    """The name of the GPU; None for a measurement on the processor."""

    @classmethod
    def here(cls, packages: tuple[str, ...], threads: int, gpu: str | None = None) -> Self:
        """Return those of this process, with the versions of the packages and of NumPy."""
        versions = {name: version(name) for name in (*packages, "numpy")}
        return cls(threads=threads, versions=versions, machine=Machine.this(), gpu=gpu)

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        on_gpu = "" if self.gpu is None else f"{self.gpu}, "
        return f"{versions}, {self.threads} threads, {on_gpu}{self.machine}"
