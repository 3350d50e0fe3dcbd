"""Model files of both frameworks, read as data and written: weights in and out."""
