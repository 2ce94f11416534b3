"""The options of `digits serve` and their variables."""

import inspect
from pathlib import Path

from digits.serve import cli
from digits.serve.api import Api
from digits.web import server
from tests.conftest import Patch, Run

DOCUMENT = Path(__file__).parents[3] / "docs" / "serve.md"


def test_every_option_has_a_variable_and_is_documented(run: Run) -> None:
    out = run("serve", "--help")[1]
    document, text = DOCUMENT.read_text(), "".join(out.split())
    for name in inspect.signature(cli.serve).parameters:
        option = f"--{name.replace('_', '-')}"
        assert option in out and f"`{option}`" in document
        assert f"[envvar:DIGITS_{name.upper()}" in text, name


def test_option_overrides_variable(run: Run, monkeypatch: Patch) -> None:
    monkeypatch.setenv("DIGITS_PORT", "tcp://10.0.0.1:8000")  # Kubernetes's
    monkeypatch.setenv("DIGITS_TOKEN", "secret")
    monkeypatch.setenv("DIGITS_ALLOWED_HOSTS", "a.example, B.example")
    apps = list[Api]()
    monkeypatch.setattr(server, "run", apps.append)
    assert run("serve", "--port", "2") == (0, "", "")
    settings = apps[0].settings
    assert (settings.port, settings.token) == (2, "secret")
    assert settings.hosts == ["a.example", "b.example"]
