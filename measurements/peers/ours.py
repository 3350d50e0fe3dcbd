"""Our own contestant: the training step of `torch_cnn`, as its `train` calls it."""

import itertools

import torch

import torch_cnn
from cnn_experiment import Experiment, load_mnist
from measurements.peers.turns import Contestant, batches
from torch_cnn.evaluation import images_on_device
from torch_cnn.process import prepare_process

_LOOK_EVERY = 18
"""Steps between two times that the losses are read, as in `train`: about 50 times in an epoch."""


def ours(experiment: Experiment) -> Contestant:
    """Return the contestant, in the experiment's precision."""
    digits = load_mnist(experiment)
    prepare_process()
    model = torch_cnn.build_model(experiment)
    optimizer = torch_cnn.build_optimizer(model)
    schedule = torch_cnn.keras_schedule(optimizer, experiment.schedule)
    images = images_on_device(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels)
    order = batches(experiment)

    def train(steps: int) -> float:
        total, losses = 0.0, []
        for count, batch in enumerate(itertools.islice(order, steps), start=1):
            index = torch.from_numpy(batch)
            losses.append(torch_cnn.train_step(model, optimizer, images[index], labels[index])[0])
            schedule.step()
            if count % _LOOK_EVERY == 0 or count == steps:
                total += sum(torch.stack(losses).tolist())
                losses.clear()
        return total / steps

    return train
