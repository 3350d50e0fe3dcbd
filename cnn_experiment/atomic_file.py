"""Write a file whole or not at all."""

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: through a new file beside it, flushed to disk, then renamed.

    Whoever reads `path` meanwhile or after a crash finds the old content or the new, never a part.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with scratch.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
