"""The version of the installed package, read from its metadata."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("twin-cnn")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"
