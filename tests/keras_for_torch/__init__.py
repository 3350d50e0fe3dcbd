"""Tests of `keras_for_torch` against Keras' own."""
