"""The command `twin-cnn`; each module beside this one is one of its commands."""
