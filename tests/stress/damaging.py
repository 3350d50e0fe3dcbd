"""Damage files of every kind that we open, and open each in a child process."""

import importlib
import random
import tempfile
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from tests.stress.mutations import mutated
from tests.stress.opening import in_a_process
from tests.stress.sound_files import sound_files


def damage_and_open(files: int, seed: int) -> dict[str, object]:
    """Open `files` damaged files; return counts of the outcomes, and a sentence for each failure.

    `seed` and the number of a file decide its damage.
    """
    importlib.import_module(
        "cnn_experiment.look.own_digit"
    )  # loads SciPy once, not in each process
    counts: Counter[str] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sound = sound_files(folder)
        names = sorted(sound)
        for name, content in sound.items():
            if (outcome := in_a_process(folder, name, content)) != "loads":
                failures.append(f"{name}, not damaged: {outcome}")
        for number in tqdm(range(files), desc="files", disable=None):
            name = names[number % len(names)]
            source = random.Random(f"{seed}/{number}")  # noqa: S311 - no secrets here
            content, how = mutated(name, sound[name], source)
            outcome = in_a_process(folder, name, content)
            counts[f"{name}: {outcome if outcome in ('loads', 'refused') else 'FAILS'}"] += 1
            if outcome not in ("loads", "refused"):
                failures.append(f"{number}, {name}, {how}: {outcome}")
                tqdm.write(failures[-1])
    outcomes = dict(sorted(counts.items()))
    return {"files": files, "seed": seed, "outcomes": outcomes, "failures": failures}
