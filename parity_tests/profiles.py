"""How many examples Hypothesis tries: few, or 300 with `pytest --hypothesis-profile thorough`.

A conftest.py that imports this module is all that pytest needs.
"""

from hypothesis import settings

settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=300, deadline=None, print_blob=True)
settings.load_profile("quick")
