"""The accuracies that whole trainings reach: finished runs, their statistics, and the bands.

A run is one training by one contestant with one seed. A band is the interval in which nearly all
correct runs lie; the test suite trains a new run and checks that it lies there.
"""
