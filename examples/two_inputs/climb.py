"""Climbs with port.py, or with another port that is named, such as `first_port`."""

import sys
from importlib import import_module

from keras_model import batches, keras_model

from parity_ladder import KerasSide, TorchSide, climb, pair

port = import_module(sys.argv[1] if sys.argv[1:] else "port")
model = keras_model()
pairs = pair(model, port.net)
side = TorchSide(port.net, port.train_step, port.optimizer, pairs=pairs, scheduler=port.scheduler)
result = climb(side, KerasSide(model), batches(), steps=20)
print(result)
result.write_page("proof.html")
