"""The measurements behind `results/`: accuracy study, whole runs, benchmark, tolerances, faults."""
