"""The same as `twin-cnn convert`, from a clone; `--help` says what it does."""

from twin_cnn.convert import main

if __name__ == "__main__":
    main()
