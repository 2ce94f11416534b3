import time

from digits_export.evaluate import microseconds  # before the fixture `untimed` replaces it


def test_microseconds_of_a_call() -> None:
    assert 2000 <= microseconds(lambda: time.sleep(0.002)) < 100_000
