"""Pictures of a run and of what a network sees."""
