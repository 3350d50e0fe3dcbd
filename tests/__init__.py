"""Tests of each package on its own, and of the command lines."""
