from collections.abc import Iterator

import pytest

from tests.crash.running import Driver


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.stop()
