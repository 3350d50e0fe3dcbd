"""The same as `twin-cnn doubtful`, from a clone; `--help` says what it does."""

from twin_cnn.doubtful import main

if __name__ == "__main__":
    main()
