"""Look at a trained run: its curves, its layers' outputs, its mistakes, your own digits."""
