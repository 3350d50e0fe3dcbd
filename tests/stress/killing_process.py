"""The process of a block: `python -m tests.stress.killing_process PARENT BACKEND SEED N...`.

It has one thread, so that it may fork the trainings. It prints each run as a line of JSON.
"""

import sys
from typing import cast

from cnn_experiment.runs.checkpoint import BackendName
from measurements.blocks import ends_with
from tests.stress.killing import KilledRuns, kill_runs

if __name__ == "__main__":
    parent, backend, seed, *numbers = sys.argv[1:]
    ends_with(int(parent))
    block = KilledRuns(cast("BackendName", backend), int(seed), [int(each) for each in numbers])
    for run in kill_runs(block):
        sys.stdout.write(run.model_dump_json(exclude_none=True) + "\n")
