"""The same as `twin-cnn parity`, from a clone; `--help` says what it does."""

from twin_cnn.parity import main

if __name__ == "__main__":
    main()
