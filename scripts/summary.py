"""The same as `twin-cnn summary`, from a clone; `--help` says what it does."""

from twin_cnn.summary import main

if __name__ == "__main__":
    main()
