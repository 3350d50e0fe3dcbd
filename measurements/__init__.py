"""What makes the committed figures: studies, whole runs, the benchmark."""
