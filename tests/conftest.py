"""Fixtures of every kind of test."""

pytest_plugins = ["tests.postgres", "tests.mlflow_server"]
