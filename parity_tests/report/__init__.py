"""One HTML page that shows given training and parity runs; loads no framework."""

from parity_tests.report.given_runs import read_runs
from parity_tests.report.page import page, pictures

__all__ = ["page", "pictures", "read_runs"]
