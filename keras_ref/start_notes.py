"""Hide the messages that TensorFlow prints about its own start, but not its errors.

`TF_CPP_MIN_LOG_LEVEL=2` makes TensorFlow print only errors. But some messages are written to the
process' stderr before TensorFlow has read that variable: notes on oneDNN and, on a machine without
a GPU, an "error" that there is none. (Seen with tensorflow 2.21.0.)
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOTE = re.compile(
    rb"[IW]\d{4} \d"  # severity, month and day: absl's format of a note or a warning
    rb"|\d{4}-\d\d-\d\d \S+ [IW] "  # TensorFlow's own format
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|To enable the following instructions: "  # the second line of a note
    rb"|.*failed call to cuInit"  # written as an error on every machine without a GPU
)


@contextmanager
def notes_dropped() -> Iterator[None]:
    """Hold back everything written to stderr in this context; at its end, write all but the notes.

    It does nothing if `TF_CPP_MIN_LOG_LEVEL` is set to 0 or 1.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if level in ("0", "1"):
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return

    # File descriptor 2 is what TensorFlow's C++ code writes to; `sys.stderr` is not enough.
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
