"""The same as `twin-cnn predict`, from a clone; `--help` says what it does."""

from twin_cnn.predict import main

if __name__ == "__main__":
    main()
