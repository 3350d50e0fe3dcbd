"""Each known difference, planted in a sound port."""
