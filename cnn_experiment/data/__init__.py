"""MNIST: where it is fetched from, and which images an experiment gets."""
