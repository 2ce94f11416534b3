"""`digits fields`: what the page of a form is given and may store, and what is printed."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from digits.editor import pdf
from digits.editor.app import Editor
from digits.fields.form import Form
from digits.fields.locate import Locator
from digits.serve import server
from tests.conftest import Run

FIELD = {"name": "Größe", "box": [30, 60, 102, 72], "cells": 6, "key": True, "length": "6"}
FORM: dict[str, Any] = {"size": [210, 297], "find": "marks", "fields": [FIELD]}
Open = Callable[..., TestClient]


@pytest.fixture
def opened(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Call `digits fields` for form.toml in a folder with blank.png; returns its page."""
    monkeypatch.chdir(tmp_path)
    Image.new("L", (400, 300), 255).save("blank.png")
    monkeypatch.setattr("digits.editor.cli.propose", lambda _: 300 * [((40, 50, 90, 80), 99)])
    editors = list[Editor]()
    monkeypatch.setattr(server, "run", editors.append)

    def call(*arguments: str) -> TestClient:
        assert run("fields", "-o", "form.toml", *arguments) == (0, "", "")
        return TestClient(editors[-1], "http://127.0.0.1")

    return call


def test_form_is_stored_and_opened_again(opened: Open) -> None:
    client = opened("blank.png", "--find", "fixed")
    form = client.get("/form").json()["form"]
    assert [form[key] for key in ("size", "find", "blank")] == [[400, 300], "fixed", "blank.png"]
    assert form["fields"][0] == {"name": "field1", "box": [40, 50, 90, 80], "cells": 64}
    assert len(form["fields"]) == 200
    client = opened("--page", "letter")
    assert client.get("/form").json()["form"]["size"] == [215.9, 279.4]
    assert "digits read --fields form.toml" in client.put("/form", json=FORM).json()["next"]
    assert opened("blank.png").get("/form").json()["form"] == FORM


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"name": "b", "box": [90, 60, 120, 72]}, "the fields Größe and b overlap"),
        ({"box": [9, 200, 30, 220], "name": " "}, "a field's name has 1 to 40 letters"),
        ({"name": "b", "box": [9, 200, 30, 220], "length": "x"}, "the field b: "),
    ],
)
def test_senseless_form_is_refused(opened: Open, field: dict[str, Any], sentence: str) -> None:
    client, foreign = opened(), {"origin": "http://evil.example"}
    answer = client.put("/form", json=FORM | {"fields": [FIELD, field]})
    assert answer.status_code == 422 and sentence in answer.json()["error"]
    assert client.put("/form", json=FORM, headers=foreign).status_code == 403
    assert not Path("form.toml").exists()


@pytest.mark.parametrize(
    ("size", "page", "points", "box"),
    [
        ([210, 297], ["--page", "a4"], "595.28 841.89", "85.04 671.81 34.02 -34.02"),
        ([215.9, 279.4], [], "612.00 792.00", "85.04 621.92 34.02 -34.02"),
        ([2970, 2100], [], "841.89 595.28", "8.50 578.27 3.40 -3.40"),  # in another unit
    ],
)
def test_print(opened: Open, run: Run, size: Any, page: list[str], points: str, box: str) -> None:
    opened().put("/form", json=FORM | {"size": size})
    assert run("fields", "print", "form.toml", "-o", "form.pdf", *page) == (0, "", "")
    written = Path("form.pdf").read_bytes()
    drawn = zlib.decompress(written.partition(b"stream\n")[2]).decode("latin-1")
    assert f"/MediaBox [0 0 {points}]".encode() in written
    assert "{} 0 0 {} 0.00 0.00 cm".format(*points.split()) in drawn  # what `draw` returns
    assert f"{box} re S" in drawn and drawn.count("re S") == 6 and "(Größe) Tj" in drawn


def test_print_refuses(opened: Open, run: Run) -> None:
    opened().put("/form", json=FORM | {"fields": [FIELD | {"name": "Ω"}]})
    message = "error: a PDF's font can't show the name Ω\n"
    assert run("fields", "print", "form.toml", "-o", "form.pdf") == (1, "", message)
    assert run("fields", "print", "form.toml", "-o", "form.toml")[0] == 2


def test_markers_are_where_the_form_says() -> None:
    form = Form((215.9, 279.4), (), markers=7)
    seen = Locator(form).locate(pdf.draw(form)).homography
    assert seen / seen[2, 2] == pytest.approx(np.diag([2100 / 215.9, 2100 / 215.9, 1]), abs=0.1)
