"""Read and write the weights in model files of both frameworks, without running their code."""
