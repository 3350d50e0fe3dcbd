"""The same as `twin-cnn train`, from a clone; `--help` says what it does."""

from twin_cnn.train import main

if __name__ == "__main__":
    main()
