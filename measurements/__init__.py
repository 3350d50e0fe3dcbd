"""What makes the results in `results/`: the accuracy study, whole runs, the benchmark."""
