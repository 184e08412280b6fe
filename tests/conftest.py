"""Fixtures of every kind of test."""

import os

from hypothesis import settings

pytest_plugins = ["tests.postgres", "tests.mlflow_server"]

# No deadline: how fast the machine is decides nothing. In CI the same examples every time, elsewhere new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
