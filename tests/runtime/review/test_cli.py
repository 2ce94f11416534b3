"""The command: its options, its files, and its end."""

import signal
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import uvicorn

from tests.conftest import Run
from tests.runtime.review.conftest import NUMBERS, labels_at
from tests.served import Served, served

ROW = "page.png,12,0.2,review,17,12,40,50,90,80\n"


@pytest.fixture
def table(folder: Path) -> Path:
    (folder / "results.csv").write_text(NUMBERS + ROW)
    return folder / "results.csv"


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stops at once."""

    def run(self: uvicorn.Server, sockets: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["results.csv", "--length", "2"], 0, "serving http://127.0.0.1:"),
        (["results.csv", "-o", "mine.csv"], 0, "serving http://127.0.0.1:"),
        (["."], 0, "serving http://127.0.0.1:"),
        ([".", "--check", "luhn"], 2, "constraints are for numbers"),
        (["results.csv", "--length", "many"], 2, "--length"),
        (["results.csv", "--host", ""], 2, "--host"),
        (["results.csv", "--port", "70000"], 2, "--port"),
        (["results.csv", "-o", "results.csv"], 1, "holds something else"),
        (["results.csv", "-o", "no/mine.csv"], 1, "can't write"),
        (["gone.csv"], 1, "can't read"),
        (["page.png"], 1, "not a CSV file"),
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
    for name in [name for name in sys.modules if name.startswith("digits.review")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, err = run("review", folder)
    assert code == 1 and 'pip install "digits[serve]"' in err


@pytest.mark.unix
@pytest.mark.parametrize("last", ["b.png,none", "b.png,", "b.png"])
def test_last_line_that_a_person_wrote(run: Run, folder: Path, stopped: None, last: str) -> None:
    """Editors may leave it without its end, which otherwise says that it was written in part."""
    (folder / "labels.csv").write_text(f"file,digit\na.png,7\n{last}")
    assert run("review", folder, "--port", 0)[0] == 0
    rows = (folder / "labels.csv").read_text().splitlines()[1:]
    assert rows == (["a.png,7", last] if last == "b.png,none" else ["a.png,7"])


def test_second_reviewer_gets_a_sentence(run: Run, table: Path, stopped: None) -> None:
    with closing(labels_at(table.parent / "labels.csv", numbers=True)):
        code, _, err = run("review", table)
    assert code == 1 and "another process is writing" in err


def post(server: Served, label: str) -> None:
    with urlopen(f"{server.url}/state") as answer:
        session = answer.read().decode().split('"session":"')[1][:16]
    request = Request(f"{server.url}/{session}/0?label={label}", method="POST")
    with urlopen(request) as answer:
        assert answer.status == 200


@pytest.mark.slow
@pytest.mark.unix
def test_kill_loses_no_label_and_ctrl_c_ends_it(table: Path) -> None:
    table.write_text(NUMBERS + ROW + ROW.replace("40,", "30,"))
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
