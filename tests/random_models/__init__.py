"""Random Keras models and their twins in PyTorch, on the ladder."""
