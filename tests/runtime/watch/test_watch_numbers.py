"""`digits watch` with --numbers or --fields, mostly with a fake clock, and what MQTT gets."""

import csv
import io
import json
import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits import Constraints
from digits.commands.options import NumberOptions
from digits.commands.runner import Task, reader_options
from digits.commands.sheets import load_form
from digits.data.mnist import Split
from digits.errors import DataError
from digits.fields.form import Field, Form
from digits.prediction import Number, Reading
from digits.watch.folder import FileStamp
from digits.watch.mqtt import Publisher, discovery
from digits.watch.readers import Reader
from tests.conftest import Capsys, Run
from tests.runtime.watch.conftest import Bench
from tests.synthetic import Sheet, chosen
from tests.waiting import wait_until


def number_reader(
    folder: Path,
    constraints: Constraints = Constraints(),  # noqa: B008
    max_errors: float = 0.3,
    kind: type[Reading] | Form = Reading,
    **options: Any,
) -> Reader:
    task = Task(reader_options(), kind, constraints, max_errors)
    return Reader(str(folder / "inbox"), folder / "results.csv", task, **options)


class NumberBench(Bench):
    """A watched folder for pictures of numbers."""

    def __init__(self, folder: Path, split: Split, **options: Any) -> None:
        super().__init__(folder, number_reader(folder, **options))
        self._split, self._count = split, 0

    def show(self, *numbers: str, name: str = "") -> None:
        """Have a picture of numbers arrive, and read it."""
        sheet = Sheet(60 + 100 * len(numbers), 360)
        for line, number in enumerate(numbers):
            sheet.write(chosen(self._split, number, start=2), 40, 40 + 100 * line, size=48, gap=9)
        self._count += 1
        file = self.inbox / (name or f"{self._count}.png")
        Image.fromarray(sheet.photograph()).save(file)
        os.utime(file, (self._count, self._count))
        self.advance(0, 2)

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """File, number and status of each row."""
        with self.results.open() as file:
            rows = csv.DictReader(file)
            return [(row["file"], row["number"], row["status"]) for row in rows]


def test_each_number_has_a_row(tmp_path: Path, test_slice: Split, capsys: Capsys) -> None:
    bench = NumberBench(tmp_path, test_slice)
    bench.show("271", "459", name="two.png")
    bench.show(name="none.png")
    bench.restart()
    bench.show("28", name="one.png")
    assert bench.numbers == [
        ("two.png", "271", "accepted"),
        ("two.png", "459", "accepted"),
        ("none.png", "", "unreadable"),
        ("one.png", "28", "accepted"),
    ]
    printed = "two.png  271\ntwo.png  459\nnone.png  ?\none.png  28\n"
    assert capsys.readouterr().out == printed
    with bench.results.open() as file:
        _, second, blank, _ = csv.DictReader(file)
    assert (second["line"], second["column"], second["free"]) == ("2", "1", "459")
    assert not any((blank["line"], blank["second"], blank["free"], blank["left"]))


@pytest.mark.parametrize(
    ("number", "max_errors", "status"),
    [("459", 0.3, "accepted"), ("459", 1e-15, "review"), ("", 0.3, "unreadable")],
)
def test_messages(
    tmp_path: Path, test_slice: Split, number: str, max_errors: float, status: str
) -> None:
    bench = NumberBench(tmp_path, test_slice, publishes=True, max_errors=max_errors)
    bench.show(number, name="a.png")
    row = bench.row_of("a.png")
    state = json.loads(row.messages["state"])
    assert (state.pop("probability") > 0) == bool(number)
    assert state.pop("second") != number or not number
    assert state == {"file": "a.png", "number": number, "status": status, "free": number}
    assert row.messages.get("number") == (b"459" if status == "accepted" else None)
    assert row.is_doubtful == (status != "accepted")


def test_surest_number_is_published(tmp_path: Path) -> None:
    numbers = [Number(text, 0.5, "accepted", "", text, ()) for text in ("27", "45", "3")]
    numbers[1] = replace(numbers[1], probability=0.9)
    reader = number_reader(tmp_path, publishes=True)
    row = reader.row(FileStamp("a.png", 1, 1), Reading((tuple(numbers),)))
    assert row.messages["number"] == b"45"


def test_published_picture_is_reduced(tmp_path: Path) -> None:
    bench = Bench(tmp_path, number_reader(tmp_path, publishes=True))
    Image.new("L", (2048, 100), 200).save(bench.inbox / "blank.png")
    picture = Image.open(io.BytesIO(bench.row_of("blank.png").messages["picture"]))
    assert (picture.format, picture.size) == ("JPEG", (1024, 50))


def test_each_sheet_has_a_row(tmp_path: Path, test_slice: Split) -> None:
    fields = Field("Größe", (20, 20, 340, 110)), Field("2", (20, 130, 340, 220), is_optional=True)
    form = Form((360, 260), fields, "fixed")
    bench = NumberBench(tmp_path, test_slice, kind=form, publishes=True)
    bench.show("28", "", name="complete.png")
    bench.show("", "459", name="lacking.png")
    (bench.inbox / "bad.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 61)
    with bench.results.open() as file:
        rows = [(row["Größe"], row["2"], row["status"]) for row in csv.DictReader(file)]
    assert rows == [("28", "", "complete"), ("", "459", "review"), ("", "", "not found")]
    row = bench.row_of("lacking.png")
    texts = {topic: text for topic, text in row.messages.items() if topic != "picture"}
    assert texts.pop("2/number") == b"459" and row.is_doubtful
    state, blank, second = (json.loads(texts[f"{of}state"]) for of in ("", "Größe/", "2/"))
    assert state == {"status": "review", "note": "", "file": "lacking.png"} and len(texts) == 3
    assert (blank["status"], blank["number"], second["free"]) == ("blank", "", "459")
    text = "fields = [{name = 'a', box = [1, 1, 8, 8]}]"
    (tmp_path / "a.toml").write_text(f"size = [9, 9]\nfind = 'blank'\nblank = 'b.png'\n{text}")
    with pytest.raises(DataError, match=r"b\.png"):
        load_form(tmp_path / "a.toml", NumberOptions())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--length 5", "options for numbers need --numbers"),
        ("--numbers --threshold 0.9", "numbers have --max-errors"),
        ("--fields a.toml --threshold 0.9", "numbers have --max-errors"),
        ("--fields a.toml --length 6", "constraints are in the form"),
        ("--fields a.toml --numbers", "--fields excludes numbers' options"),
        ("--numbers --mqtt http://broker", "expected mqtt://"),
    ],
)
def test_wrong_options(run: Run, tmp_path: Path, arguments: str, message: str) -> None:
    code, out, err = run("watch", tmp_path, tmp_path / "new.csv", *arguments.split())
    assert code == 2 and message in err and not out
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://broker", "expected mqtt://USER@HOST:PORT/TOPIC"),
        ("mqtt://", "expected mqtt://USER@HOST:PORT/TOPIC"),
        (f"mqtt://{'a' * 70}", "expected mqtt://"),
        ("mqtt://broker/topic?secret", "expected mqtt://"),
        ("mqtt://user:secret@broker", r"put the password into \$DIGITS_MQTT_PASSWORD"),
        ("mqtt://user:sec/ret@broker", "expected mqtt://"),
        (f"mqtt://broker/{'a' * 201}", "a topic has"),
    ],
)
def test_malformed_url_is_not_repeated(url: str, message: str) -> None:
    Publisher(f"mqtt://broker/{'a' * 200}")
    with pytest.raises(ValueError, match=message) as caught:
        Publisher(url)
    assert "sec" not in str(caught.value)


def test_home_assistant_finds_four_entities() -> None:
    messages = discovery("home/desk")
    configs = {topic: json.loads(message) for topic, message in messages.items()}
    [device] = {config["device"]["identifiers"][0] for config in configs.values()}
    kinds = {"picture": "image", "confidence": "sensor", "number": "sensor", "status": "sensor"}
    topics = [f"homeassistant/{kind}/{device}/{name}/config" for name, kind in kinds.items()]
    assert sorted(configs) == topics
    assert len({config["unique_id"] for config in configs.values()}) == 4
    for config in configs.values():
        assert (config["~"], config["availability_topic"]) == ("home/desk", "~/availability")
    picture, confidence, number, status = (configs[topic] for topic in topics)
    assert picture["image_topic"] == "~/picture"
    assert (number["state_topic"], status["state_topic"]) == ("~/number", "~/state")
    assert confidence["unit_of_measurement"] == "%" and "unit_of_measurement" not in number
    others = {*discovery("a/ü"), *discovery("a_ö")}
    assert len(others) == 8
    assert all(topic.isascii() and topic.count("/") == 4 for topic in others)


def test_home_assistant_finds_each_field_of_a_form() -> None:
    names = "Größe 1", "Gr__e 1", "picture"
    messages = discovery("exam", names)
    assert all(topic.isascii() and topic.count("/") == 4 for topic in messages)
    configs = {config["name"]: config for config in map(json.loads, messages.values())}
    assert configs.keys() == {*names, "Status", "Picture"} and len(messages) == 5
    assert len({config["unique_id"] for config in configs.values()}) == 5
    assert configs["Größe 1"]["state_topic"] == "~/Größe 1/number"


@pytest.mark.unix
def test_missing_broker_is_a_trouble() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # and doesn't listen
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with Publisher(f"mqtt://{address}") as publisher:
            publisher.publish({"picture": bytes(1_000_000)})
            wait_until(publisher.troubles)
    assert publisher.troubles() == [f"MQTT broker {address}: Connection refused"]


@pytest.mark.unix
@pytest.mark.parametrize(
    "message",
    [
        b"\x34\6\0\1a\0\1x",  # with QoS 2, to be held until it is released
        b"\x90\xff\xff\xff\x7f",  # an answer of 256 MB
    ],
)
def test_broker_that_sends_more_than_answers_is_left(message: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with Publisher(f"mqtt://127.0.0.1:{server.getsockname()[1]}") as publisher:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                assert connection.recv(1000)
                connection.sendall(b"\x20\2\0\0" + message)
                with suppress(ConnectionResetError):
                    while connection.recv(1000):
                        pass
            wait_until(publisher.troubles)
    assert "the connection is lost" in publisher.troubles()[0]
