import socket

import pytest

from digits.serve import addresses


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the machine's name stands for; a test changes it. It has no route to anywhere."""
    found: list[str] = []

    class Nowhere(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(addresses.socket, "socket", Nowhere)
    monkeypatch.setattr(
        addresses.socket,
        "getaddrinfo",
        lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 0)) for name in found],
    )
    return found


def test_loopback_is_for_this_machine() -> None:
    assert addresses.reachable("127.0.0.1") == []
    assert addresses.reachable("::1") == []


def test_one_address_is_that_one() -> None:
    assert addresses.reachable("192.168.1.7") == ["192.168.1.7"]


def test_all_addresses_are_those_on_networks(names: list[str]) -> None:
    names += ["127.0.1.1", "192.168.1.7", "169.254.3.4", "192.168.1.7", "10.0.0.2"]
    assert addresses.reachable("0.0.0.0") == ["192.168.1.7", "10.0.0.2"]


def test_a_machine_without_a_network_has_none(names: list[str]) -> None:
    assert addresses.reachable("0.0.0.0") == []


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", unknown)
    assert addresses.reachable("::") == []


def test_the_route_comes_first(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    class Routed(socket.socket):
        def connect(self, address: object) -> None:
            assert address == ("192.0.2.1", 9)

        def getsockname(self) -> tuple[str, int]:
            return "192.168.1.9", 40_000

    monkeypatch.setattr(addresses.socket, "socket", Routed)
    names += ["10.0.0.2"]
    assert addresses.reachable("0.0.0.0") == ["192.168.1.9", "10.0.0.2"]
