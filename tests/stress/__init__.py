"""Killing trainings and damaging files, thousands of times."""
