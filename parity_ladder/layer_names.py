"""How the outputs of layers are named."""

LOGITS = ":logits"
"""What goes into the softmax or sigmoid at the end of a layer is named `dense:logits`."""
