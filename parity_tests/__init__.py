"""The experiment on the parity ladder: its two sides, its known differences, and the tests."""
