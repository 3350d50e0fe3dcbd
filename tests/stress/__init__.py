"""Stress tests: trainings are killed and files are damaged, thousands of times."""
