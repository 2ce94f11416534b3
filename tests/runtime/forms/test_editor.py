"""`digits form edit`: what the page of a form is given and may store, and what is printed."""

import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from digits.forms.editor.api import Editor
from digits.web import server
from tests.conftest import Patch, Run

FIELD = {"name": "Größe", "box": [30, 60, 102, 72], "cells": 6, "key": True, "length": "6"}
FORM: dict[str, Any] = {"size": [210, 297], "find": "marks", "fields": [FIELD]}
Open = Callable[..., TestClient]


@pytest.fixture
def opened(run: Run, tmp_path: Path, monkeypatch: Patch) -> Open:
    """Call `digits form edit` for form.toml in a new folder; returns its page."""
    monkeypatch.chdir(tmp_path)
    editors = list[Editor]()
    monkeypatch.setattr(server, "run", editors.append)

    def call(*arguments: str) -> TestClient:
        assert run("form", "edit", "-o", "form.toml", *arguments) == (0, "", "")
        headers = {"authorization": f"Bearer {editors[-1].settings.token}"}
        return TestClient(editors[-1], "http://127.0.0.1", headers=headers)

    return call


def store(client: TestClient, form: dict[str, Any]) -> Any:
    """Store a form as the page does."""
    version = client.get("/form").json().get("version", "")
    return client.put(f"/form?version={version}", json=form)


def test_form_is_stored_and_opened_again(opened: Open) -> None:
    sheet = Image.new("L", (800, 600), 255)
    cells = [(4 + 12 * n, 40) for n in range(66)]
    for x, y in [*cells, *product(range(9, 780, 30), range(80, 560, 30))]:
        ImageDraw.Draw(sheet).rectangle((x, y, x + 12, y + 14), outline=0, width=2)
    sheet.save("blank.png")
    form = opened("blank.png", "--find", "fixed").get("/form").json()["form"]
    assert [form[key] for key in ("size", "find", "blank")] == [[800, 600], "fixed", "blank.png"]
    comb, *others = form["fields"]
    assert (comb["name"], comb["cells"], len(others)) == ("field1", 64, 199)
    assert comb["box"] == pytest.approx([4, 40, 796, 54], abs=3)
    new = [opened("--paper", "letter").get("/form").json()["form"] for _ in range(4)]
    assert new[0]["size"] == [215.9, 279.4] and len({form.get("markers", 0) for form in new}) > 1
    assert "digits read --form form.toml" in store(opened(), FORM).json()["next"]
    assert "box = [30, 60, 102, 72]\n" in Path("form.toml").read_text("utf-8")
    assert opened().get("/form").json()["form"] == FORM
    assert "<option>isbn10<option>mod11</select>" in opened().get("/").text


def test_form_is_refused(opened: Open) -> None:
    client = opened()
    for wrong in ({"key": 1}, {"length": "x"}, {"list": "gone.txt"}, {"list": None}):
        answer = store(client, FORM | {"fields": [FIELD | wrong]})
        assert answer.status_code == 422 and answer.json()["error"]
    client.headers["authorization"] = "Bearer wrong"
    assert {client.get(path).status_code for path in ("/form", "/sheet")} == {401}
    assert store(client, FORM).status_code == 401
    assert not Path("form.toml").exists()


def test_form_that_has_changed_meanwhile_is_kept(opened: Open) -> None:
    client, path = opened(), Path("form.toml")
    address = f"/form?version={client.get('/form').json()['version']}"
    assert client.put("/form", json=FORM).status_code == 409
    assert client.put(address, json=FORM).status_code == 200
    other_window = client.put(address, json=FORM | {"fields": []})
    assert other_window.status_code == 409 and "form.toml has changed" in other_window.text
    by_hand = path.read_text("utf-8").replace("210", "200")
    path.write_text(by_hand, "utf-8")
    assert store(client, FORM).status_code == 409 and path.read_text("utf-8") == by_hand


@pytest.mark.parametrize(
    ("size", "points", "box"),
    [
        ([215.9, 279.4], "612.00 792.00", "85.04 621.92 34.02 -34.02"),
        ([2970, 2100], "841.89 595.28", "8.50 578.27 3.40 -3.40"),  # in another unit
    ],
)
def test_print(opened: Open, run: Run, size: Any, points: str, box: str) -> None:
    store(opened(), FORM | {"size": size})
    assert run("form", "print", "form.toml", "-o", "form.pdf") == (0, "", "")
    written = Path("form.pdf").read_bytes()
    commands = zlib.decompress(written.partition(b"stream\n")[2]).decode("latin-1")
    assert f"/MediaBox [0 0 {points}]".encode() in written
    assert "{} 0 0 {} 0.00 0.00 cm".format(*points.split()) in commands  # what `draw` returns
    assert f"{box} re S" in commands and commands.count("re S") == 6 and "(Größe) Tj" in commands
    store(opened(), FORM | {"fields": [FIELD | {"name": "Ω"}]})
    message = "error: a PDF's font can't show the name Ω\n"
    assert run("form", "print", "form.toml", "-o", "form.pdf") == (1, "", message)
    assert run("form", "print", "form.toml", "-o", "form.toml")[0] == 2
