"""Random experiments of the family, small enough to compare many of them."""

from functools import partial

from hypothesis import strategies as st

from cnn_experiment import (
    L1,
    L2,
    Adamax,
    ConstantRate,
    Convolution,
    Data,
    Experiment,
    ExponentialDecay,
    Hidden,
    InverseTimeDecay,
    Nadam,
    Network,
    Output,
    RMSprop,
    UserError,
)

STEPS = 3
"""Keras divides by the period of a schedule, but in `fit`, which compiles a graph, it multiplies by
the reciprocal. At iterations 0 to 2 both give the same number."""
# Training sets subnormal numbers to 0, in the whole process.
_floats = partial(st.floats, allow_subnormal=False)
_IMAGES_A_BATCH = st.integers(1, 5)

_sides = st.integers(1, 4)
_pairs = st.tuples(_sides, _sides)
_strengths = _floats(1e-5, 1e-1)
# With a rate of 0.1, three steps can saturate a tanh. Its slope, 1 - tanh(x)**2, is then made of
# the rounding of a number near 1, and so are the gradients before it.
_rates = _floats(1e-5, 1e-2)
_fractions = _floats(0.0, 0.99)
# With a rho or beta_2 near 0, an optimizer divides each gradient by its own magnitude. All its
# steps then have the same size, and a weight that they bring back to 0 is rounding alone.
_memories = _floats(0.5, 0.999)

_convolutions = st.builds(
    Convolution,
    filters=st.integers(1, 5),
    kernel_size=_pairs,
    activation=st.sampled_from(["relu", "sigmoid", "elu", "tanh"]),
)
_hidden = st.builds(
    Hidden, units=st.integers(1, 7), activation=st.sampled_from(["relu", "sigmoid", "tanh"])
)
_outputs = st.builds(
    Output,
    units=st.integers(2, 11),
    activation=st.sampled_from(["softmax", "sigmoid"]),
    crossentropy_of=st.sampled_from(["logits", "probabilities"]),
)
_decays = {
    "initial_learning_rate": _rates,
    "decay_steps": _floats(0.5, 10),
    "decay_rate": st.just(0.0) | _floats(1e-6, 1),
    "staircase": st.booleans(),
}
_schedules = st.one_of(
    st.builds(ConstantRate, initial_learning_rate=_rates),
    st.builds(InverseTimeDecay, **_decays),
    st.builds(ExponentialDecay, **_decays),
)
_adam_like = {"beta_1": _fractions, "beta_2": _memories, "epsilon": _floats(1e-8, 1e-3)}
_optimizers = st.one_of(
    st.builds(RMSprop, rho=_memories, momentum=_fractions, epsilon=_floats(1e-8, 1e-3)),
    st.builds(RMSprop, rho=_memories, epsilon=_floats(1e-8, 1e-3), epsilon_outside=st.just(True)),
    st.builds(Nadam, **_adam_like),
    st.builds(Adamax, **_adam_like),
)
_layers = st.lists(
    st.sampled_from(["convolutions", "hidden", "output"]), min_size=1, unique=True
).map(tuple)
_regularizers = st.one_of(
    st.none(),
    st.builds(L1, strength=_strengths, layers=_layers),
    st.builds(L2, strength=_strengths, layers=_layers),
)


@st.composite
def _networks(draw: st.DrawFn) -> Network:
    """Draw a network: layers are added as long as the output of the last one is not empty."""
    height, width, channels = draw(
        st.tuples(st.integers(1, 14), st.integers(1, 14), st.sampled_from([1, 3]))
    )
    network = Network(
        input_shape=(height, width, channels),
        convolutions=(),
        pools=(),
        hidden=tuple(draw(st.lists(_hidden, max_size=3))),
        output=draw(_outputs),
    )
    for convolution in draw(st.lists(_convolutions, max_size=3)):
        pools = (*network.pools, draw(_pairs)) if network.convolutions else ()
        try:
            network = network.with_changes(
                convolutions=(*network.convolutions, convolution), pools=pools
            )
        except UserError:  # a kernel or a pool larger than what reaches it
            break
    return network


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Draw an experiment in float64 of a few steps, with small images, grey or colour."""
    size = draw(_IMAGES_A_BATCH)
    return Experiment(
        network=draw(_networks()),
        optimizer=draw(_optimizers),
        schedule=draw(_schedules),
        regularizer=draw(_regularizers),
        data=Data(train_images=draw(st.integers((STEPS - 1) * size + 1, STEPS * size))),
        epochs=1,
        batch_size=size,
        seed=draw(st.integers(0, 1000)),
        dtype="float64",
    )
