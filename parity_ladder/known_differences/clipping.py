"""Known differences in the clipping of gradients."""

import math
from typing import Any

import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, ClippingPlace
from parity_ladder.pairing.torch_units import named_tensors
from parity_ladder.side import Arrays

_SOURCE = "keras/src/optimizers/base_optimizer.py; torch/nn/utils/clip_grad.py"
_ADDED = 1e-6
"""What `clip_grad_norm_` adds to the norm."""


def _raw(place: ClippingPlace) -> Arrays:
    return place.theirs.gradients or {}


def _limit(place: ClippingPlace, *names: str) -> float:
    """Return Keras' limit of one of these kinds of clipping; 0 if it does not clip so."""
    return next((float(v) for n in names if (v := getattr(place.optimizer, n, None))), 0.0)


def _norm(gradients: Arrays) -> float:
    return float(np.sqrt(sum(np.square(gradient).sum() for gradient in gradients.values())))


def _by_one_norm(gradients: Arrays, limit: float, added: float = _ADDED) -> dict[str, Array]:
    scale = min(1.0, limit / max(_norm(gradients) + added, 1e-300))
    return {name: gradient * scale for name, gradient in gradients.items()}


def _each_by_its_norm(gradients: Arrays, limit: float, added: float = _ADDED) -> dict[str, Array]:
    return {n: _by_one_norm({n: gradient}, limit, added)[n] for n, gradient in gradients.items()}


def _by_value(gradients: Arrays, limit: float) -> dict[str, Array]:
    return {name: np.clip(gradient, -limit, limit) for name, gradient in gradients.items()}


@known("one norm for all variables", rung="clipped gradients", area="optimizers", source=_SOURCE)
def one_norm_for_all(place: ClippingPlace) -> Any:
    """The port clips all gradients by one norm, as `clip_grad_norm_(module.parameters(), ...)`.

    Keras' `clipnorm` is for each variable alone. Call `clip_grad_norm_([parameter], clipnorm)` for
    each parameter, or give an optimizer of `keras_for_torch` the argument `clipnorm`.
    """
    limit = _limit(place, "clipnorm")
    if not limit:
        return None
    scale = min(1.0, limit / (_ports_norm(place) + _ADDED))
    return {name: gradient * scale for name, gradient in _raw(place).items()}


def _ports_norm(place: ClippingPlace) -> float:
    """Return the norm of all gradients in the port, where an LSTM may have a bias twice."""
    raw, tensors = _raw(place), named_tensors(place.port.module)
    twice = {
        each.theirs.name: raw[each.theirs.name]
        for each in place.pairs.variables
        if each.ours.also and tensors[each.ours.also].requires_grad and each.theirs.name in raw
    }
    return math.hypot(_norm(raw), _norm(twice))


@known("a norm for each variable", rung="clipped gradients", area="optimizers", source=_SOURCE)
def a_norm_for_each(place: ClippingPlace) -> Any:
    """The port clips each gradient by its own norm, where Keras has `global_clipnorm`.

    That is one norm over all gradients: give an optimizer of `keras_for_torch` the argument
    `global_clipnorm`.
    """
    limit = _limit(place, "global_clipnorm")
    return _each_by_its_norm(_raw(place), limit) if limit else None


@known("1e-6 added to the norm", rung="clipped gradients", area="optimizers", source=_SOURCE)
def added_to_the_norm(place: ClippingPlace) -> Any:
    """The port clips by `clip_grad_norm_`, which adds 1e-6 to the norm; Keras adds nothing.

    The difference is a millionth of the gradient where the norm is 1. Give an optimizer of
    `keras_for_torch` the argument `global_clipnorm` or `clipnorm`.
    """
    if limit := _limit(place, "global_clipnorm"):
        return _by_one_norm(_raw(place), limit)
    limit = _limit(place, "clipnorm")
    return _each_by_its_norm(_raw(place), limit) if limit else None


@known("clipping left out", rung="clipped gradients", area="optimizers", source=_SOURCE)
def left_out(place: ClippingPlace) -> Any:
    """The port does not clip its gradients, where Keras' optimizer has `clipnorm=` or its like.

    Give an optimizer of `keras_for_torch` the same argument. A clipping that comes after
    `optimizer.step()`, or before `backward`, changes nothing.
    """
    clips = _limit(place, "clipnorm", "global_clipnorm", "clipvalue")
    return _raw(place) if clips else None


@known("values clipped, not norms", rung="clipped gradients", area="optimizers", source=_SOURCE)
def values_not_norms(place: ClippingPlace) -> Any:
    """The port clips each element, as `clip_grad_value_`, where Keras clips norms.

    Call `clip_grad_norm_`: with all parameters for `global_clipnorm`, with each alone for
    `clipnorm`.
    """
    limit = _limit(place, "clipnorm", "global_clipnorm")
    return _by_value(_raw(place), limit) if limit else None


@known("norms clipped, not values", rung="clipped gradients", area="optimizers", source=_SOURCE)
def norms_not_values(place: ClippingPlace) -> Any:
    """The port clips by the norm of all gradients, where Keras' `clipvalue` clips each element.

    Call `torch.nn.utils.clip_grad_value_(module.parameters(), clipvalue)`.
    """
    limit = _limit(place, "clipvalue")
    return _by_one_norm(_raw(place), limit) if limit else None


@known("weight decay after clipping", rung="clipped gradients", area="optimizers", source=_SOURCE)
def decay_after_clipping(place: ClippingPlace) -> Any:
    """The port clips the gradients first, and the optimizer's `weight_decay` is added then.

    Keras clips the gradient of the whole loss, that of the L2 regularizers included. Add the
    penalty to the loss, or give an optimizer of `keras_for_torch` both arguments, `weight_decay`
    and `clipnorm`.
    """
    penalties = {
        name: 2 * float(variable.regularizer.l2) * place.state.weights[name]
        for name, variable in place.reference.variables.items()
        if getattr(variable.regularizer, "l2", 0.0)
    }
    raw = _raw(place)
    own = {name: gradient - penalties.get(name, 0.0) for name, gradient in raw.items()}
    if not penalties:
        return None
    if limit := _limit(place, "clipvalue"):
        clipped = _by_value(own, limit)
    elif limit := _limit(place, "clipnorm"):
        clipped = _each_by_its_norm(own, limit, 0.0)
    elif limit := _limit(place, "global_clipnorm"):
        clipped = _by_one_norm(own, limit, 0.0)
    else:
        return None
    return {name: gradient + penalties.get(name, 0.0) for name, gradient in clipped.items()}


@known("another limit of clipping", rung="clipped gradients", area="optimizers", source=_SOURCE)
def another_limit(place: ClippingPlace) -> Any:
    """The port clips as Keras does, with another limit.

    Give it the number of `clipnorm`, `global_clipnorm` or `clipvalue` in the Keras model.
    """
    raw, ours = _raw(place), place.ours
    if theirs := _limit(place, "clipvalue"):
        limit = _largest(ours)
        found = _by_value(raw, limit)
    elif theirs := _limit(place, "clipnorm"):
        limit = max(_norm({name: ours[name]}) for name in raw)
        found = _each_by_its_norm(raw, limit, 0.0)
    elif theirs := _limit(place, "global_clipnorm"):
        limit = _norm(ours)
        found = _by_one_norm(raw, limit, 0.0)
    else:
        return None
    is_another = not math.isclose(limit, theirs, rel_tol=1e-4)
    return found if is_another and _changes(raw, found) else None


@known("clipping added", rung="clipped gradients", area="optimizers", source=_SOURCE)
def added(place: ClippingPlace) -> Any:
    """The port clips its gradients, where Keras' optimizer does not.

    Leave `clip_grad_norm_` or `clip_grad_value_` out.
    """
    raw, ours = _raw(place), place.ours
    if _limit(place, "clipnorm", "global_clipnorm", "clipvalue"):
        return None
    by_norm, by_value = _by_one_norm(raw, _norm(ours), 0.0), _by_value(raw, _largest(ours))
    far = [sum(np.abs(a[n] - ours[n]).max() for n in raw) for a in (by_norm, by_value)]
    found = by_norm if far[0] <= far[1] else by_value
    return found if _changes(raw, found) else None


def _largest(gradients: Arrays) -> float:
    return max(float(np.abs(gradient).max(initial=0.0)) for gradient in gradients.values())


def _changes(raw: Arrays, clipped: Arrays) -> bool:
    return any(not np.allclose(raw[n], clipped[n], rtol=1e-6, atol=0.0) for n in raw)
