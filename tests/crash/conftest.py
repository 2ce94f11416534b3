from collections.abc import Iterator

import pytest

from tests.crash.running import Driver, KillCounts

_KILL_COUNTS = KillCounts()


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.stop()


@pytest.fixture(scope="session")
def kill_counts() -> KillCounts:
    return _KILL_COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print when the kills hit: a run in which none hit during writes has not tested these."""
    for command, counts in _KILL_COUNTS.kills.items():
        hits = ", ".join(f"{count} {point}" for point, count in sorted(counts.items()))
        terminalreporter.write_line(f"{command}, killed: {hits}")
