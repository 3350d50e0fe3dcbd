"""Evaluate the CNN, and get its predictions and layer outputs, on any device."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_experiment import Evaluation
from torch_cnn.model import CNN
from torch_cnn.step import count_hits

_EVALUATION_BATCH = 100


@torch.inference_mode()
def evaluate(model: CNN, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Evaluation:
    """Return loss and accuracy; `images_nhwc` is (count, height, width, channels)."""
    all_labels = torch.from_numpy(labels.astype(np.int64)).to(model.device)
    loss = torch.zeros((), dtype=torch.float64, device=model.device)
    hits = torch.zeros((), dtype=torch.int64, device=model.device)
    for images, part in zip(
        torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH),
        torch.split(all_labels, _EVALUATION_BATCH),
        strict=True,
    ):
        logits = model.logits(images)
        loss += model.data_loss(logits, part, reduction="sum")
        hits += count_hits(model, logits, part)
    return Evaluation(
        loss=(loss / len(labels) + model.penalty()).item(), accuracy=hits.item() / len(labels)
    )


@torch.inference_mode()
def predict(model: CNN, images_nhwc: NDArray[Any]) -> NDArray[Any]:
    """Return class probabilities, shape (count, classes)."""
    parts = torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH)
    return torch.cat([model(images) for images in parts]).cpu().numpy()


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
