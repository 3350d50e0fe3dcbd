"""A training run: its history, checkpoints, folder and progress display."""
