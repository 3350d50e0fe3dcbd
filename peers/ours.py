"""The step of `torch_cnn`, as its `train` takes it."""

import itertools

import torch

import torch_cnn
from cnn_experiment import Digits, Experiment
from peers.turns import Contestant, batches
from torch_cnn.evaluation import images_on_device
from torch_cnn.process import prepare_process


def ours(experiment: Experiment, digits: Digits) -> Contestant:
    """In the experiment's precision."""
    prepare_process()
    model = torch_cnn.build_model(experiment)
    optimizer = torch_cnn.build_optimizer(model)
    schedule = torch_cnn.keras_schedule(optimizer, experiment.schedule)
    images = images_on_device(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels)
    order = batches(experiment, digits)

    def train(steps: int) -> None:
        for batch in itertools.islice(order, steps):
            index = torch.from_numpy(batch)
            torch_cnn.train_step(model, optimizer, images[index], labels[index])
            schedule.step()

    return train
