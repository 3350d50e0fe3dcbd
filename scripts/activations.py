"""The same as `twin-cnn activations`, from a clone; `--help` says what it does."""

from twin_cnn.activations import main

if __name__ == "__main__":
    main()
