"""The machine on which something was measured, without its host name or its user."""

import os
import platform
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from cnn_experiment.value import Value

_TELLING = ("cpu family", "model")
"""What /proc/cpuinfo says besides the name, and tells processors apart."""


class Machine(Value):
    """Processor, operating system and Python version, on which a measurement may depend."""

    processor: str
    cores: Annotated[int, Field(ge=1)]
    """The number of cores that this process may use."""
    system: str
    python: str

    @classmethod
    def this(cls) -> Self:
        """Return the machine that this process runs on."""
        may_use = getattr(os, "sched_getaffinity", None)  # exists on Linux only
        return cls(
            processor=_processor(),
            cores=len(may_use(0)) if may_use else os.cpu_count() or 1,
            system=_system(),
            python=platform.python_version(),
        )

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        return f"{self.processor}, {cores}, {self.system}, Python {self.python}"


def _processor() -> str:
    """Return the names in Linux' /proc/cpuinfo, or else the architecture.

    On a virtual machine the model's name may be "AMD EPYC" alone; family and model tell more.
    """
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    said = {name.strip(): value.strip() for name, _, value in map(_at_the_colon, lines)}
    if "model name" not in said:
        return platform.processor() or platform.machine()
    numbers = [f"{each.removeprefix('cpu ')} {said[each]}" for each in _TELLING if each in said]
    return ", ".join([said["model name"], *numbers])


def _at_the_colon(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _system() -> str:
    """Return the Linux distribution; a kernel's name could identify its owner."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"
