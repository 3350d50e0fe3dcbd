"""What whole trainings reach: finished runs, the statistics on them, the bands of the suite."""
