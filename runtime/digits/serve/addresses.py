"""The addresses at which other devices reach this machine."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress

# Documentation addresses (RFC 5737, RFC 3849). Connecting a UDP socket to one sends nothing, but
# picks the machine's own address that it would send from.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_DISCARD = 9  # a port


def reachable(address: str) -> list[str]:
    """List the addresses that other devices can open when a server listens on `address`.

    For 0.0.0.0 and ::, those on the machine's networks, the likeliest first; for a loopback
    address, none.
    """
    bind = ipaddress.ip_address(address)
    if bind.is_loopback:
        return []
    if not bind.is_unspecified:
        return [address]
    family = socket.AF_INET if bind.version == 4 else socket.AF_INET6
    return [own for own in dict.fromkeys(_own(family)) if _is_reachable(own)]


def _own(family: socket.AddressFamily) -> Iterator[str]:
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((_ELSEWHERE[family], _DISCARD))
        yield probe.getsockname()[0]
    with suppress(OSError):  # the host name doesn't resolve
        for entry in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM):
            yield str(entry[4][0])


def _is_reachable(address: str) -> bool:
    own = ipaddress.ip_address(address)
    return not (own.is_loopback or own.is_unspecified or own.is_link_local)
