import socket

import pytest

from digits.serve import addresses


@pytest.fixture
def host_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which the host name resolves, initially none; there is no route."""
    found: list[str] = []

    class UnroutedSocket(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", UnroutedSocket)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 0)) for name in found],
    )
    return found


def test_loopback_has_no_reachable_address() -> None:
    assert addresses.reachable("127.0.0.1") == []
    assert addresses.reachable("::1") == []


def test_specific_address_is_returned_as_is() -> None:
    assert addresses.reachable("192.168.1.7") == ["192.168.1.7"]


def test_wildcard_omits_loopback_and_link_local(host_addresses: list[str]) -> None:
    host_addresses += ["127.0.1.1", "192.168.1.7", "169.254.3.4", "192.168.1.7", "10.0.0.2"]
    assert addresses.reachable("0.0.0.0") == ["192.168.1.7", "10.0.0.2"]


def test_wildcard_without_network_is_empty(host_addresses: list[str]) -> None:
    assert addresses.reachable("0.0.0.0") == []


def test_unresolvable_host_name_is_empty(
    monkeypatch: pytest.MonkeyPatch, host_addresses: list[str]
) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert addresses.reachable("::") == []


def test_routed_address_comes_first(
    monkeypatch: pytest.MonkeyPatch, host_addresses: list[str]
) -> None:
    class RoutedSocket(socket.socket):
        def connect(self, address: object) -> None:
            assert address == ("192.0.2.1", 9)

        def getsockname(self) -> tuple[str, int]:
            return "192.168.1.9", 40_000

    monkeypatch.setattr(socket, "socket", RoutedSocket)
    host_addresses += ["10.0.0.2"]
    assert addresses.reachable("0.0.0.0") == ["192.168.1.9", "10.0.0.2"]
