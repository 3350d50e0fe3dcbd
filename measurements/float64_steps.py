"""Train 20 float64 steps of every preset in both backends; print checksums of the results.

    python measurements/float64_steps.py

Prints a line for each run: backend, preset, number of losses, a hash of all losses, and a hash of
the final weights. `scripts/compare_commits.py` runs this file on older commits, too, so it uses
nothing but the public functions of `cnn_experiment` and the backends.
"""

import hashlib
from importlib import import_module

from cnn_experiment import PRESETS, EpochRecord, load_mnist

STEPS = 20


class Losses:
    """Keeps the running loss after each batch, with all its bits, and the epoch's record."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def batches_done(self, count: int, loss: float, accuracy: float) -> None:
        """Keep the averages over the epoch so far."""
        self.seen.append((count, loss.hex(), accuracy.hex()))

    def epoch_done(self, record: EpochRecord) -> None:
        """Keep the record, except its time."""
        fields = record.model_dump()
        self.seen.append([fields[name] for name in sorted(fields) if name != "seconds"])


def main() -> None:
    """Train and print."""
    for backend_name in ("torch_cnn", "keras_ref"):
        backend = import_module(backend_name)
        for name, preset in PRESETS.items():
            counts = {"train_images": STEPS * preset.batch_size, "test_images": 500}
            data = preset.data.with_changes(**counts)
            experiment = preset.with_changes(data=data, dtype="float64", epochs=1)
            losses = Losses()
            digits = load_mnist(experiment)
            model, _ = backend.train(experiment, digits, device="cpu", watchers=(losses,))

            weights = hashlib.sha256()
            for variable, array in sorted(backend.neutral_weights(model).items()):
                weights.update(variable.encode() + array.tobytes())
            seen = hashlib.sha256(repr(losses.seen).encode()).hexdigest()
            count = len(losses.seen) - 1
            print("RUN", backend_name, name, count, seen, weights.hexdigest(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
