"""What the server shows and stores, and what it refuses."""

import base64
import os
import shutil
from pathlib import Path

import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from tests.runtime.commands.test_results import write_half
from tests.runtime.review.conftest import Open


def item_at(client: TestClient, number: int) -> str:
    return f"/{client.get('/state').json()['session']}/{number}"


def store(client: TestClient, number: int, label: str, **headers: str) -> Response:
    return client.post(item_at(client, number), params={"label": label}, headers=headers)


def lines(folder: Path) -> list[str]:
    return (folder / "labels.csv").read_text().splitlines()


def test_numbers(table: Path, opened: Open) -> None:
    client = opened(table)
    state = client.get("/state").json()
    assert (state["total"], state["unsure"], state["before"], state["numbers"]) == (3, 1, 0, True)
    assert "--network reader --start bundled --data" in state["next"]
    items = [client.get(item_at(client, number)).json() for number in range(3)]
    assert [item["guess"] for item in items] == ["12", "", "678"]
    remarks = ["review, 20.0 %, or 17", "unreadable as asked for; freely 345", "accepted, 90.0 %"]
    assert [item["remark"] for item in items] == remarks
    for number, label in enumerate(("12,5", "none", "-1-2")):
        assert store(client, number, label).json() == {}
    assert lines(table.parent) == [
        "file,box,text",
        "page.png,40 50 90 80,12.5",
        "page.png,200 50 260 80,",
        r"page.png,40 200 90 230,\x2d1-2",
    ]


def test_digits(tmp_path: Path, pictures: list[Path], opened: Open) -> None:
    shutil.copy(pictures[7], tmp_path / "seven.jpg")
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    client = opened(tmp_path)
    blank, seven = (client.get(item_at(client, number)) for number in range(2))
    assert store(client, 1, "12").status_code == 422  # no digit
    assert (blank.json()["guess"], blank.json()["frame"]) == ("none", None)
    shown = seven.json()
    assert (shown["guess"], shown["remark"], len(shown["probabilities"])) == ("7", "sure", 10)
    assert [len(row) for row in shown["frame"]] == [28] * 28
    assert shown["file"] == "seven.jpg"
    assert base64.b64decode(shown["picture"]).startswith(b"\xff\xd8")  # a JPEG
    assert store(client, 1, "7").status_code == store(client, 0, "none").status_code == 200
    assert lines(tmp_path) == ["file,digit", "seven.jpg,7", "blank.png,none"]


def test_labelling_goes_on_where_it_stopped(table: Path, opened: Open) -> None:
    client = opened(table)
    store(client, 1, "345")
    stale = item_at(client, 0)
    with (table.parent / "labels.csv").open("a") as file:
        file.write("page.png,40 200 90 230,67")  # a power cut: no line end, so no label of 678
    again = opened(table)
    state = again.get("/state").json()
    assert (state["total"], state["unsure"], state["before"]) == (2, 1, 1)
    guesses = [again.get(item_at(again, number)).json()["guess"] for number in range(2)]
    assert guesses == ["12", "678"]
    assert again.post(stale, params={"label": "5"}).status_code == 404
    assert len(lines(table.parent)) == 2


def test_labels_are_undone_from_the_last(table: Path, opened: Open) -> None:
    client = opened(table)
    first = item_at(client, 0)
    for number in range(2):
        store(client, number, "1")
    assert client.get("/state").json()["labelled"] == [0, 1]
    assert store(client, 1, "1").status_code == 200  # the first answer was lost
    assert store(client, 1, "2").status_code == 409  # another window
    assert client.delete(first).status_code == 409
    for _ in range(2):  # an answer was lost
        assert client.delete(item_at(client, 1)).status_code == 200
    assert lines(table.parent) == ["file,box,text", "page.png,40 50 90 80,1"]
    assert client.delete(first).status_code == 200 and lines(table.parent) == []
    store(client, 1, "2")
    assert lines(table.parent) == ["file,box,text", "page.png,200 50 260 80,2"]


def test_other_labels_are_refused(table: Path, opened: Open) -> None:
    client = opened(table)
    for label in ("", "x", "7" * 65, "٣", "1\n"):
        assert store(client, 0, label).status_code == 422, label
    assert lines(table.parent) == []
    assert store(client, 0, "7" * 64).status_code == 200


def test_only_own_page_stores(table: Path, opened: Open) -> None:
    client = opened(table)
    assert store(client, 0, "12", origin="http://evil.example").status_code == 403
    assert store(client, 0, "12", host="evil.example").status_code == 421
    assert lines(table.parent) == []
    assert store(client, 0, "12", **{"sec-fetch-site": "same-origin"}).status_code == 200


def test_nothing_else_is_served(table: Path, opened: Open) -> None:
    client = opened(table)
    session = client.get("/state").json()["session"]
    for path in ("3", "page.png", "..%2fpage.png", ""):
        assert client.get(f"/{session}/{path}").status_code == 404, path
    assert client.post(f"/{session}/3?label=1").status_code == 404
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "<style" not in page.text and "onclick" not in page.text


def test_full_disk_leaves_the_file_as_before(
    table: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(table)
    store(client, 0, "12")
    before = lines(table.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        answer = store(client, 1, "345")
    assert answer.status_code == 507 and "No space left" in answer.text
    assert lines(table.parent) == before
    assert store(client, 1, "345").status_code == 200
