"""Any Keras model and any PyTorch module on the ladder."""
