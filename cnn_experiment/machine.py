"""The machine that something was measured on; nothing here names its owner or the machine."""

import os
import platform
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from cnn_experiment.value import Value


class Machine(Value):
    """Processor, system and Python, as far as a figure may depend on them."""

    processor: str
    cores: Annotated[int, Field(ge=1)]
    """Those that this process may use."""
    system: str
    python: str

    @classmethod
    def this(cls) -> Self:
        """The machine that this runs on."""
        may_use = getattr(os, "sched_getaffinity", None)  # Linux alone
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
    """The model's name where Linux tells it, else the architecture."""
    listed = Path("/proc/cpuinfo")
    for line in listed.read_text().splitlines() if listed.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    """A Linux by its distribution; the name of a kernel may be its owner's own."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"
