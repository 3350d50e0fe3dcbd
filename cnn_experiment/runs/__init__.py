"""A training run on disk and on the screen: history, checkpoints, folder, progress."""
