"""One HTML page that shows training runs and parity runs; loads no framework.

The import raises `UserError` where jinja2 or matplotlib is not installed.
"""

from cnn_experiment import UserError
from parity_ladder import LadderError

try:
    from parity_tests.report.given_runs import read_runs
    from parity_tests.report.page import page, pictures
except LadderError as error:
    raise UserError(f"{error}; or pip install '.[plots]'") from error

__all__ = ["page", "pictures", "read_runs"]
