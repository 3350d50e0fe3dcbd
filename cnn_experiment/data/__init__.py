"""MNIST: where it comes from, and how an experiment is dealt its images."""
