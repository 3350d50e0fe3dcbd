"""Contestants that train whole epochs: a backend's own `train`, evaluation included."""

from cnn_experiment import Experiment, load_mnist
from cnn_experiment.backend import load_backend
from cnn_experiment.runs.checkpoint import BackendName
from measurements.peers.turns import Contestant


def epochs(backend_name: BackendName, experiment: Experiment) -> Contestant:
    """Return the contestant. Each of its steps is a training from the start, of all the epochs."""
    backend = load_backend(backend_name)
    digits = load_mnist(experiment)
    backend.prepare_process()

    def train(times: int) -> float:
        loss = 0.0
        for _ in range(times):
            _, history = backend.train(experiment, digits, device="cpu")
            loss = history[-1].loss
        return loss

    return train
