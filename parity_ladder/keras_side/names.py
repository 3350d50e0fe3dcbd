"""The names of a Keras model's variables, as the ladder uses them."""

import keras

from parity_ladder.keras_side.randomness import seeds_of


def variable_names(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables by their path without the model's own name; seeds are left out."""
    seeds = seeds_of(model)
    found = {id(v): v for v in model.variables if id(v) not in seeds}
    named: dict[str, keras.Variable] = {}
    for variable in found.values():
        name = str(variable.path).removeprefix(f"{model.name}/")
        number = 2
        while name in named:  # two layers of one name
            name = f"{name.partition('#')[0]}#{number}"
            number += 1
        named[name] = variable
    return named
