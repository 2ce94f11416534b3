"""The command: its options, its files, and its end."""

import json
import signal
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from digits.serve.server import Server
from tests.conftest import Run
from tests.served import served


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stops at once."""
    monkeypatch.setattr(Server, "run", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["results.csv"], 0, "serving http://127.0.0.1:"),
        ([".", "-o", "mine.csv"], 0, "serving http://127.0.0.1:"),
        (["."], 2, "-o LABELS.csv"),
        (["results.csv", "-o", "results.csv"], 1, "holds something else"),
        (["results.csv", "--model", "page.png"], 1, "page.png"),
    ],
)
def test_start(
    run: Run,
    table: Path,
    stopped: None,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(table.parent)
    answer = run("review", "--port", "0", *arguments)
    assert (answer[0], answer[1]) == (code, "") and message in answer[2]
    assert len(list(Path().glob("*.csv"))) == 1 + (code == 0 or "--model" in arguments)


@pytest.mark.unix
def test_labels_behind_a_link_that_nobody_named(run: Run, table: Path, stopped: None) -> None:
    (table.parent / "private").touch()
    (table.parent / "labels.csv").symlink_to("private")
    code, _, err = run("review", table)
    assert code == 2 and "labels.csv a link" in err
    assert not (table.parent / "private").stat().st_size


@pytest.mark.slow
@pytest.mark.unix
def test_kill_loses_no_label(table: Path) -> None:
    with pytest.raises(AssertionError), served(str(table), command="review") as server:
        with urlopen(f"{server.url}/state") as state:
            session = json.load(state)["session"]
        with urlopen(Request(f"{server.url}/{session}/0?label=11", method="POST")):
            server.process.kill()
    labels = (table.parent / "labels.csv").read_text()
    assert labels == "file,box,text\npage.png,40 50 90 80,11\n"
