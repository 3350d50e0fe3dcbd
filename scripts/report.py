"""The same as `twin-cnn report`, from a clone; `--help` says what it does."""

from twin_cnn.report import main

if __name__ == "__main__":
    main()
