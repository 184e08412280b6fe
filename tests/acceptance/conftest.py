"""Acceptance tests drive the real command in real processes."""

from collections.abc import Iterator

import pytest

from tests.acceptance.running import Up, wait_until_gone


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One product for all tests that leave it as it was."""
    running = Up(tmp_path_factory.mktemp("up") / "data", ("--workers", "2"))
    running.start()
    yield running
    assert running.stop() == 0
    assert wait_until_gone(running.data_dir) == {}
