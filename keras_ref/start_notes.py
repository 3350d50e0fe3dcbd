"""Keeps TensorFlow's notes about its own start out of the terminal, and lets its errors through.

`TF_CPP_MIN_LOG_LEVEL=2` asks TensorFlow for errors alone, but what it writes before it has read
that goes straight to the process' stderr: notes on oneDNN, and on a machine without a GPU the
"error" that there is none. (Seen with tensorflow 2.21.0.)
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOTE = re.compile(
    rb"[IW]\d{4} \d"  # severity, month and day: absl's form of a note or a warning
    rb"|\d{4}-\d\d-\d\d \S+ [IW] "  # TensorFlow's own form of them
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|To enable the following instructions: "  # a note's second line
    rb"|.*failed call to cuInit"  # an error in form, on every machine without a GPU
)


@contextmanager
def notes_dropped() -> Iterator[None]:
    """Hold back what is written to stderr meanwhile; at the end write it, but for such notes.

    Does nothing for a person who has set `TF_CPP_MIN_LOG_LEVEL` below 2, and sees all of it.
    """
    wanted = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if wanted in ("0", "1"):
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # a process without a stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _NOTE.match(line):
                    os.write(2, line)
