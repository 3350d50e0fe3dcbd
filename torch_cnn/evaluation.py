"""Evaluate the CNN, and get its predictions and layer outputs, on any device."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_experiment import Evaluation
from torch_cnn.model import CNN
from torch_cnn.process import shares_on
from torch_cnn.ranks import ALONE, Ranks
from torch_cnn.step import count_hits

_EVALUATION_BATCH = 100


def evaluate(model: CNN, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Evaluation:
    """Return loss and accuracy; `images_nhwc` is (count, height, width, channels)."""
    return evaluate_by(ALONE, model, images_nhwc, labels)


def evaluate_by(
    ranks: Ranks, model: CNN, images_nhwc: NDArray[Any], labels: NDArray[np.int64]
) -> Evaluation:
    """Do the same by ranks, of which each evaluates a part.

    All must call it, and get the same: to the last bit what one alone would, since the losses are
    added up in the same order.
    """
    images = torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH)
    on_device = torch.from_numpy(labels.astype(np.int64)).to(model.device)
    parts = torch.split(on_device, _EVALUATION_BATCH)

    @torch.inference_mode()
    def evaluated(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        logits = model.logits(batch[0])
        loss = model.data_loss(logits, batch[1], reduction="sum")
        return loss, count_hits(model, logits, batch[1])

    batches = list(zip(images, parts, strict=True))
    own = ranks.part(len(batches))
    results = shares_on(model.device).map(evaluated, batches[own])
    of_batches = torch.zeros(len(batches), 2, dtype=model.dtype, device=model.device)
    for index, (loss, hit_count) in zip(range(len(batches))[own], results, strict=True):
        of_batches[index, 0], of_batches[index, 1] = loss, hit_count
    losses, hits = ranks.begin_total(of_batches)().unbind(1)  # to each its own rank adds, and zeros
    return Evaluation(
        loss=sum(losses.tolist()) / len(labels) + model.penalty().item(),
        accuracy=hits.sum().item() / len(labels),
    )


def predict(model: CNN, images_nhwc: NDArray[Any]) -> NDArray[Any]:
    """Return class probabilities, shape (count, classes)."""

    @torch.inference_mode()
    def predicted(images_nchw: Tensor) -> Tensor:
        probabilities: Tensor = model(images_nchw)
        return probabilities

    images = torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH)
    return torch.cat(list(shares_on(model.device).map(predicted, images))).cpu().numpy()


@torch.inference_mode()
def layer_outputs(model: CNN, images_nhwc: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return each layer's output, after its activation, by the layer's name.

    Feature maps are (count, height, width, channels).
    """
    return {
        name: (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).cpu().numpy()
        for name, output in model.outputs(images_on_device(images_nhwc, model))
    }


def images_on_device(images_nhwc: NDArray[Any], model: CNN) -> Tensor:
    """Return the images on the model's device and in its dtype, (count, channels, height, width).

    The result is a view, in whose memory the channels are still last.
    """
    images = torch.from_numpy(np.ascontiguousarray(images_nhwc))
    return images.to(model.device, model.dtype).permute(0, 3, 1, 2)
