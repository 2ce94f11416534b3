"""The command: its options, its files, and its end."""

import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from digits.serve.server import Server
from tests.conftest import Run
from tests.served import Served, served


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
        (["results.csv", "-o", "no/mine.csv"], 1, "can't write"),
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
    output = "mine.csv" if "mine.csv" in arguments else "labels.csv"
    assert (table.parent / output).exists() == (code == 0 or "--model" in arguments)


def test_what_to_install(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.startswith(("digits.review", "digits.serve")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    code, _, err = run("review", folder)
    assert code == 1 and 'pip install "digits[serve]"' in err


@pytest.mark.unix
def test_labels_behind_a_link_that_nobody_named(run: Run, table: Path, stopped: None) -> None:
    (table.parent / "private").touch()
    (table.parent / "labels.csv").symlink_to("private")
    code, _, err = run("review", table)
    assert code == 2 and "labels.csv a link" in err
    assert not (table.parent / "private").stat().st_size


def post(server: Served, label: str) -> None:
    with urlopen(f"{server.url}/state") as answer:
        session = answer.read().decode().split('"session":"')[1][:16]
    request = Request(f"{server.url}/{session}/0?label={label}", method="POST")
    with urlopen(request) as answer:
        assert answer.status == 200


@pytest.mark.slow
@pytest.mark.unix
def test_silent_and_endless_clients_shut_nobody_out(table: Path) -> None:
    with served(str(table), command="review", files=400) as server, ExitStack() as opened:
        for _ in range(500):
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        with urlopen(f"{server.url}/state", timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{server.url}/state", headers={"x": "a" * 40_000}))
        assert refused.value.code == 431


@pytest.mark.slow
@pytest.mark.unix
def test_kill_loses_no_label_and_ctrl_c_ends_it(table: Path) -> None:
    labels = table.parent / "labels.csv"
    with pytest.raises(AssertionError), served(str(table), command="review") as server:
        post(server, "11")
        server.process.kill()
    assert len(labels.read_text().splitlines()) == 2
    with served(str(table), command="review") as server:
        post(server, "12")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
    assert [line[-2:] for line in labels.read_text().splitlines()[1:]] in (
        ["11", "12"],
        ["12", "11"],
    )
