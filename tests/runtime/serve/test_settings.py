"""Options, environment variables and their effect on the app."""

import json
import socket
from dataclasses import fields
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import cli, pages
from digits.serve.settings import Options, Settings
from digits.system import cpu_count
from tests.conftest import Capsys, Patch, Run
from tests.runtime.serve.conftest import application

DOCUMENT = Path(__file__).parents[3] / "docs" / "serve.md"


def test_every_option_has_a_variable_and_is_documented(run: Run) -> None:
    out = run("serve", "--help")[1]
    document, text = DOCUMENT.read_text(), "".join(out.split())
    for field in fields(Options):
        option = f"--{field.name.replace('_', '-')}"
        assert option in out and f"`{option}`" in document
        assert f"[envvar:DIGITS_{field.name.upper()}" in text, field.name


def test_option_overrides_variable(monkeypatch: Patch) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "3")
    monkeypatch.setenv("DIGITS_PORT", "tcp://10.0.0.1:8000")  # Kubernetes's
    monkeypatch.setenv("DIGITS_ACCESS_LOG", "1")
    monkeypatch.setenv("DIGITS_ALLOWED_HOSTS", "a.example, B.example")
    settings = cli.parse(["--port", "2"], "digits serve")
    assert settings and settings.hosts == ["a.example", "b.example"]
    assert (settings.workers, settings.port, settings.access_log) == (3, 2, True)
    assert Settings().workers == cpu_count()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--host", ""),
        *(("--token", value) for value in ("", "secret words", "secret\n")),
        ("--allowed-hosts", "https://a.example"),
        *(("--allowed-origins", value) for value in ("app.example.org", "https://*.example.org")),
    ],
)
def test_invalid_value_error_names_option(run: Run, option: str, value: str) -> None:
    code, _, err = run("serve", option, value)
    assert code == 2 and option in err and "Traceback" not in err
    assert "secret" not in err


@pytest.mark.parametrize(
    ("status", "hosts"),
    [
        (200, ["LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", socket.gethostname()]),
        (200, ["digits.example.org", "digits.example.org.", "b.a.fleet.example:80"]),
        (421, ["fleet.example", "evilfleet.example", "127.0.0.1.evil.example", ""]),
        (421, ["[127.0.0.1]evil.example", "localhost:80@evil.example", "localhost,evil.example"]),
    ],
)
def test_foreign_host_returns_421(classifier: Classifier, status: int, hosts: list[str]) -> None:
    allowed = "digits.example.org, *.fleet.example"
    client = TestClient(application(classifier, allowed_hosts=allowed))
    for host in hosts:
        for path in ("/", "/metrics"):
            assert client.get(path, headers={"host": host}).status_code == status, host
        assert client.get("/health", headers={"host": host}).status_code == 200
        twice = client.get("/", headers=[("host", "localhost"), ("host", host)])
        assert twice.status_code == status, host


def test_token(classifier: Classifier) -> None:
    client = TestClient(application(classifier, token="secret"))
    for status, headers in (
        (200, ["Bearer secret", "bearer  secret"]),
        (401, ["Bearer Secret", "Bearer secre", "Basic secret", "Bearer \xe4", ""]),
    ):
        for header in headers:
            answer = client.get("/metrics", headers={b"authorization": header.encode("latin-1")})
            assert answer.status_code == status, header
            assert status == 200 or answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/metrics").status_code == 401
    for path in ("/", f"{pages.ASSETS}any/token.js", "/openapi.json", "/health"):
        assert client.get(path).status_code == 200


def test_cors_headers_only_for_allowed_origins(classifier: Classifier) -> None:
    client = TestClient(application(classifier, allowed_origins="https://app.example"))
    preflight = {"access-control-request-method": "POST"}
    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        asked = client.options("/predict", headers={"origin": origin, **preflight})
        assert (asked.status_code == 200) == allowed
        answer = client.get(
            "/metrics", headers={"origin": origin, "authorization": "Bearer secret"}
        )
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


@pytest.mark.parametrize(
    ("given", "valid"), [("a-1.2:3/4" + "a" * 119, True), ("a" * 129, False), ("a b", False)]
)
def test_valid_request_id_is_kept(client: TestClient, given: str, valid: bool) -> None:
    answered = client.get("/health", headers={"x-request-id": given}).headers["x-request-id"]
    assert (answered == given) == valid
    assert client.get("/health").headers["x-request-id"] != answered


def test_access_log_has_one_line_per_request(classifier: Classifier, capsys: Capsys) -> None:
    with TestClient(application(classifier, access_log=True)) as client:
        client.get("/no%0Ane?token=secret", headers={"x-request-id": "mine"})
        client.post("/predict", content=b"no picture")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["id"], first["method"], first["status"]) == ("mine", "GET", 404)
    assert "secret" not in str(first)
    assert (second["path"], second["status"]) == ("/predict", 422)
    assert second["bytes"] > 0 and second["seconds"] > 0
