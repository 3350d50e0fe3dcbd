"""The proof that the two backends are one computation, as a pytest suite."""
