"""An ordinary port, as a newcomer would write it, on the ladder: it parts at the optimizer."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from parity_tests.diagnosis import causes
from parity_tests.evidence import teacher_forced
from parity_tests.implementation import Implementation, State, Step
from parity_tests.keras_implementation import KerasReference
from parity_tests.ladder import Ladder
from parity_tests.small import small_experiment
from torch_cnn.weights import to_neutral_layout, to_torch_layout

L2 = float(np.float32(1e-3))


def to_torch(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(to_torch_layout(array).copy())


def neutral(tensors: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {n: to_neutral_layout(t.detach().numpy()).copy() for n, t in tensors.items()}


class NewcomersPort(Implementation):
    """An nn.Sequential and torch.optim.RMSprop. Everything but the optimizer is as it should be."""

    def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
        """Build the model and the optimizer in `state`, and take one ordinary step."""
        conv, dense, pool = nn.Conv2d, nn.Linear, nn.MaxPool2d(2)
        first, second, third = conv(1, 4, 3), conv(4, 6, 3), conv(6, 8, 3)
        maps = nn.Sequential(first, nn.ReLU(), pool, second, nn.ReLU(), pool, third, nn.ReLU())
        head = nn.Sequential(dense(72, 12), nn.ReLU(), dense(12, 10))
        parameters = [*maps.double().parameters(), *head.double().parameters()]
        named = dict(zip(state.weights, parameters, strict=True))
        decay = {name: 2 * L2 * (p.ndim == 2) for name, p in named.items()}
        groups = [{"params": [p], "weight_decay": decay[name]} for name, p in named.items()]
        rate = float(self.experiment.schedule.rates(state.iteration, "float64"))
        optimizer = torch.optim.RMSprop(groups, lr=rate, alpha=0.9, eps=1e-7, momentum=0.9)
        for name, p in named.items():
            p.data = to_torch(state.weights[name])
            optimizer.state[p] = {"step": torch.tensor(float(state.iteration))}
            optimizer.state[p]["square_avg"] = to_torch(state.optimizer[f"velocity/{name}"])
            optimizer.state[p]["momentum_buffer"] = to_torch(state.optimizer[f"momentum/{name}"])
        features = maps(torch.from_numpy(images_nhwc).permute(0, 3, 1, 2))
        logits = head(features.permute(0, 2, 3, 1).flatten(1))
        loss = functional.cross_entropy(logits, torch.from_numpy(labels))
        loss.backward()  # type: ignore[no-untyped-call]
        penalty = sum(
            decay[name] / 2 * p.detach().square().sum().item() for name, p in named.items()
        )
        gradients = {n: p.grad + decay[n] * p for n, p in named.items() if p.grad is not None}
        optimizer.step()
        slots = {f"velocity/{n}": optimizer.state[p]["square_avg"] for n, p in named.items()}
        slots |= {f"momentum/{n}": optimizer.state[p]["momentum_buffer"] for n, p in named.items()}
        after = State(neutral(named), neutral(slots), state.iteration + 1)
        hits = int((logits.argmax(1).numpy() == labels).sum())
        return Step(loss.item(), penalty, neutral(gradients), rate, after, hits, len(labels))


def test_a_newcomer_s_port_parts_at_the_optimizer_and_is_told_why() -> None:
    experiment = small_experiment()
    reference = KerasReference(experiment)
    port = NewcomersPort(experiment)
    ladder = Ladder(port, reference)
    steps = list(teacher_forced(reference))
    found = ladder.climb(steps)
    assert found is not None
    assert (found.rung, found.step) == ("optimizer state", 0)
    assert causes(found, port, steps) == ["torch.optim.RMSprop"]
    assert ladder.rungs["gradients"].passed
