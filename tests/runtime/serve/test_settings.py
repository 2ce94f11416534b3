"""Options, environment variables and their effect on the app."""

import json
import logging
import socket
from dataclasses import fields
from pathlib import Path
from typing import Literal

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve import pages, server
from digits.serve.settings import Settings
from tests.conftest import Run
from tests.runtime.serve.conftest import application

DOCUMENT = Path(__file__).parents[3] / "docs" / "serve.md"


@pytest.fixture
def served_settings(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Collect the settings of servers instead of starting them."""
    found: list[Settings] = []
    monkeypatch.setattr(server, "serve", found.append)
    return found


def test_every_setting_has_option_and_variable(run: Run) -> None:
    code, out, _ = run("serve", "--help")
    assert code == 0
    text = "".join(out.split())
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in out
        assert f"[envvar:DIGITS_{field.name.upper()}" in text, field.name


def test_every_setting_is_documented() -> None:
    text = DOCUMENT.read_text()
    for field in fields(Settings):
        assert f"`--{field.name.replace('_', '-')}`" in text, field.name


def test_option_overrides_variable(
    run: Run, served_settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MAX_BATCH", "8")
    monkeypatch.setenv("DIGITS_PORT", "1")
    monkeypatch.setenv("DIGITS_ACCESS_LOG", "1")
    monkeypatch.setenv("DIGITS_ALLOWED_HOSTS", "a.example, B.example")
    assert run("serve", "--port", "2")[0] == 0
    [settings] = served_settings
    assert (settings.max_batch, settings.port, settings.access_log) == (8, 2, True)
    assert settings.hosts == ["a.example", "b.example"]
    assert settings.workers > 0


def test_empty_token_variable_is_refused(
    run: Run, served_settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_TOKEN", "")
    code, _, err = run("serve")
    assert code == 1 and "$DIGITS_TOKEN is empty" in err and not served_settings


def test_kubernetes_port_variable_is_ignored(
    run: Run, served_settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_PORT", "tcp://10.0.0.1:8000")
    assert run("serve")[0] == 0
    assert served_settings[0].port == 8000


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-batch", "0"),
        ("--max-batch", "many"),
        ("--header-timeout", "0"),
        ("--header-timeout", "nan"),
        ("--log-level", "loud"),
        ("--port", "65536"),
        ("--host", ""),
        ("--max-header-bytes", "1023"),
        ("--token", ""),
        ("--token", "two words"),
        ("--token", "two, words"),
        ("--token", "secret\n"),
        ("--model-name", ""),
        ("--model-name", "a/b"),
        ("--model-version", "../1"),
        ("--allowed-origins", "app.example.org"),
        ("--allowed-origins", "https://a.example, b.example"),
        ("--allowed-origins", "https://*.example.org"),
        ("--allowed-hosts", "a.example:8000"),
        ("--allowed-hosts", "https://a.example"),
    ],
)
def test_invalid_value_error_names_option(
    run: Run, served_settings: list[Settings], option: str, value: str
) -> None:
    code, _, err = run("serve", option, value)
    assert code == 2 and option in err and "Traceback" not in err
    assert not served_settings


@pytest.mark.parametrize(
    ("option", "value", "other"),
    [
        ("--max-total-bytes", "1", "--max-picture-bytes"),
        ("--max-tensor-bytes", str(1 << 30), "--max-total-bytes"),
        ("--max-picture-memory", "1", "--max-pixels"),
        ("--max-total-bytes", str(16 << 20), "--max-form-bytes"),
        ("--max-batch", "4096", "--max-tensor-bytes"),
        ("--max-queued-digits", "255", "--max-batch"),
        ("--picture-timeout", "31", "--answer-timeout"),
    ],
)
def test_conflicting_limits_error_names_both_options(
    run: Run, served_settings: list[Settings], option: str, value: str, other: str
) -> None:
    code, _, err = run("serve", option, value)
    assert code == 2 and option in err and other in err
    assert not served_settings


HOST_ALLOWED = {
    "localhost": True,
    "LOCALHOST:8000": True,
    "127.0.0.1:8000": True,
    "[::1]:8000": True,
    "192.168.1.5": True,
    socket.gethostname(): True,
    "digits.example.org": True,
    "a.fleet.example": True,
    "b.a.fleet.example:80": True,
    "fleet.example": False,
    "evil.example": False,
    "localhost.evil.example": False,
    "127.0.0.1.evil.example": False,
    "evilfleet.example": False,
    "": False,
    "[": False,
    "[127.0.0.1]:80": True,
    "[127.0.0.1]evil.example": False,
    "[::1]evil.example:80": False,
    "[::1%evil.example]": False,
    "localhost:80@evil.example": False,
    "localhost:80:80": False,
    "localhost,evil.example": False,
    "localhost/evil.example": False,
}


@pytest.mark.parametrize("host", HOST_ALLOWED)
def test_foreign_host_returns_421(classifier: Classifier, host: str) -> None:
    hosts = "digits.example.org, *.fleet.example"
    client = TestClient(application(classifier, allowed_hosts=hosts))
    for path in ("/", "/v2", "/openapi.json"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == (200 if HOST_ALLOWED[host] else 421), path
    assert client.get("/v2/health/live", headers={"host": host}).status_code == 200


def test_second_host_header_is_checked_too(classifier: Classifier) -> None:
    client = TestClient(application(classifier))
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert client.get("/v2", headers=headers).status_code == 421


def test_wildcard_allows_any_host(classifier: Classifier) -> None:
    client = TestClient(application(classifier, allowed_hosts="*"))
    assert client.get("/v2", headers={"host": "any.example"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer secret", 200),
        ("bearer  secret", 200),
        ("Bearer Secret", 401),
        ("Bearer secre", 401),
        ("Bearer", 401),
        ("Basic secret", 401),
        ("secret", 401),
        ("Bearer \xe4", 401),
        ("", 401),
    ],
)
def test_missing_or_wrong_token_returns_401(
    classifier: Classifier, header: str, status: int
) -> None:
    client = TestClient(application(classifier, token="secret"))
    headers = {b"authorization": header.encode("latin-1")}
    for path in ("/v2", "/v2/models/lenet5", "/metrics"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert status == 200 or answer.headers["www-authenticate"] == "Bearer"


def test_health_and_pages_need_no_token(classifier: Classifier) -> None:
    client = TestClient(application(classifier, token="secret"))
    health = ("/v2/health/live", "/v2/health/ready")
    assets = [f"{pages.ASSETS}any/{name}" for name in ("token.js", "docs.js", "icon.svg")]
    for path in (*pages.PATHS, *assets, "/openapi.json", *health):
        assert client.get(path).status_code == 200
    for path in ("/predict", "/read", "/v2/models/lenet5/infer"):
        assert client.post(path).status_code == 401
    described = client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "401" in described["paths"]["/predict"]["post"]["responses"]
    assert "security" not in described["paths"]["/v2/health/live"]["get"]


@pytest.mark.parametrize("token", [None, "secret"])
def test_page_shows_whether_token_is_needed(classifier: Classifier, token: str | None) -> None:
    page = TestClient(application(classifier, token=token)).get("/").text
    assert ("data-needed" in page) == bool(token)
    assert "secret" not in page


def test_page_shows_server_limits(classifier: Classifier) -> None:
    limits = {"max_picture_bytes": 5, "max_pixels": 6, "body_timeout": 3.0, "answer_timeout": 4.5}
    page = TestClient(application(classifier, **limits)).get("/").text
    assert '<main data-bytes="5" data-pixels="6" data-seconds="7.5"' in page


@pytest.mark.parametrize("saves", [True, False])
def test_page_shows_whether_labels_are_kept(
    classifier: Classifier, tmp_path: Path, saves: bool
) -> None:
    client = TestClient(application(classifier, save_labelled=tmp_path if saves else None))
    assert f'data-saves="{"yes" if saves else "no"}"' in client.get("/").text


@pytest.mark.parametrize("level", ["warning", "error"])
def test_announcement_mentions_but_hides_token(
    capsys: pytest.CaptureFixture[str], level: Literal["warning", "error"]
) -> None:
    settings = Settings(port=0, token="secret", log_level=level)
    with server.bind(settings) as listener:
        server._announce(listener, settings)
    told = capsys.readouterr().err
    assert told.startswith("serving http://127.0.0.1:")
    assert ("the API requires the token" in told) == (level == "warning")
    assert "secret" not in told


def test_cors_headers_only_for_allowed_origins(classifier: Classifier) -> None:
    origins = {"allowed_origins": "https://app.example", "token": "secret"}
    client = TestClient(application(classifier, **origins))
    ask = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        preflight = client.options("/predict", headers={"origin": origin, **ask})
        assert (preflight.status_code == 200) == allowed
        answer = client.get("/v2", headers={"origin": origin, "authorization": "Bearer secret"})
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


def test_model_name_and_version_are_used(classifier: Classifier, test_slice: Split) -> None:
    client = TestClient(application(classifier, model_name="mine", model_version="2026-11"))
    assert client.get("/v2/models/mine/versions/2026-11").json()["versions"] == ["2026-11"]
    assert client.get("/v2/models/lenet5").status_code == 404
    data = test_slice.images[0].ravel().tolist()
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": data}
    answer = client.post("/v2/models/mine/infer", json={"inputs": [tensor]}).json()
    assert (answer["model_name"], answer["model_version"]) == ("mine", "2026-11")
    described = client.get("/openapi.json").json()["paths"]
    assert described["/v2/models/{name}"]["parameters"][0]["schema"] == {"const": "mine"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2:3/4", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a b", False),
        ("a\x7f", False),
    ],
)
def test_valid_request_id_is_kept(client: TestClient, given: str, kept: bool) -> None:
    answered = client.get("/v2", headers={"x-request-id": given}).headers["x-request-id"]
    assert (answered == given) == kept
    assert answered and client.get("/v2").headers["x-request-id"] != answered


def test_access_log_has_one_line_per_request(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "digits.serve.access"):
        client.get("/no%0Ane?token=secret", headers={"x-request-id": "mine"})
        client.post("/predict", content=b"no picture")
    first, second = (json.loads(record.getMessage()) for record in caplog.records)
    assert (first["id"], first["method"], first["status"]) == ("mine", "GET", 404)
    assert "secret" not in str(first)
    assert (second["path"], second["status"]) == ("/predict", 422)
    assert second["bytes"] > 0 and second["seconds"] > 0
