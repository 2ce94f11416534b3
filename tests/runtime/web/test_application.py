"""Which requests are answered, and how every answer is wrapped."""

import socket

import pytest
from starlette.testclient import TestClient

from digits.errors import ModelError
from digits.web.pages import ASSETS
from tests.conftest import Capsys
from tests.runtime.web.conftest import Echo


@pytest.mark.parametrize(
    ("error", "status", "message", "logged"),
    [
        (ZeroDivisionError("secret"), 500, "internal error; see the server's log", ""),
        (ModelError("secret"), 500, "the model failed; see the server's log", "error: secret\n"),
        (None, 503, "the answer wasn't ready in time", ""),
    ],
)
def test_failure_is_answered_without_details(
    capsys: Capsys,
    error: Exception | None,
    status: int,
    message: str,
    logged: str,
) -> None:
    """error: what the route raises; None: it takes too long."""
    app = Echo(error, body_timeout=0.1, answer_timeout=0.1)
    answer = TestClient(app, raise_server_exceptions=False).get("/fail")
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert capsys.readouterr().err.startswith(logged)


@pytest.mark.parametrize(("path", "caching"), [("/", "no-cache"), ("/none", "no-store")])
def test_every_response_has_security_headers(client: TestClient, path: str, caching: str) -> None:
    headers = client.get(path, headers={"origin": "https://evil.example"}).headers
    policy = headers["content-security-policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"):
        assert directive in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == caching
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    ("status", "hosts"),
    [
        (200, ["LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", socket.gethostname()]),
        (200, ["digits.example.org", "digits.example.org.", "b.a.fleet.example:80"]),
        (421, ["fleet.example", "evilfleet.example", "127.0.0.1.evil.example", ""]),
    ],
)
def test_foreign_host_returns_421(status: int, hosts: list[str]) -> None:
    allowed = "digits.example.org, *.fleet.example"
    client = TestClient(Echo(allowed_hosts=allowed))
    for host in hosts:
        for path in ("/", "/document"):
            assert client.get(path, headers={"host": host}).status_code == status, host
        assert client.get("/health", headers={"host": host}).status_code == 200


def test_token() -> None:
    client = TestClient(Echo(token="secret"))
    for status, headers in (
        (200, ["Bearer secret", "bearer  secret"]),
        (401, ["Bearer Secret", "Bearer secre", "Basic secret", "Bearer \xe4", ""]),
    ):
        for header in headers:
            answer = client.get("/document", headers={b"authorization": header.encode("latin-1")})
            assert answer.status_code == status, header
            assert status == 200 or answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/document").status_code == 401
    for path in ("/", f"{ASSETS}any/review.js", "/openapi.json", "/health"):
        assert client.get(path).status_code == 200
