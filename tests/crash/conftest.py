from collections.abc import Iterator

import pytest

from tests.crash.running import Driver, Tally

_TALLY = Tally()


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    one = Driver()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def tally() -> Tally:
    return _TALLY


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell where the kills hit: they are no test of writing when none came while it was done."""
    for command, places in _TALLY.kills.items():
        hits = ", ".join(f"{count} {place}" for place, count in sorted(places.items()))
        terminalreporter.write_line(f"{command}, killed: {hits}")
