"""`digits watch` with --numbers or --fields, mostly with a fake clock, and what MQTT gets."""

import csv
import io
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits import Constraints
from digits.commands.options import NumberOptions
from digits.commands.runner import Task, reader_options
from digits.commands.sheets import load_form
from digits.constraints.automaton import accepts_text
from digits.data.mnist import Split
from digits.errors import DataError
from digits.fields.form import Field, Form
from digits.prediction import Reading
from digits.watch.mqtt import Publisher, discovery
from digits.watch.readers import Reader, last_accepted
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


class Meter(Bench):
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
    meter = Meter(tmp_path, test_slice)
    meter.show("271", "459", name="two.png")
    meter.show(name="none.png")
    meter.restart()
    meter.show("28", name="one.png")
    assert meter.numbers == [
        ("two.png", "271", "accepted"),
        ("two.png", "459", "accepted"),
        ("none.png", "", "unreadable"),
        ("one.png", "28", "accepted"),
    ]
    printed = "two.png  271\ntwo.png  459\nnone.png  ?\none.png  28\n"
    assert capsys.readouterr().out == printed
    with meter.results.open() as file:
        _, second, blank, _ = csv.DictReader(file)
    assert (second["line"], second["column"], second["free"]) == ("2", "1", "459")
    assert not any((blank["line"], blank["second"], blank["free"], blank["left"]))


def test_last_accepted_number_survives_a_restart(tmp_path: Path, test_slice: Split) -> None:
    meter = Meter(tmp_path, test_slice, not_below_last=True, max_step=9, start_at=450)
    meter.show("459", name="a, b.png")
    meter.show("27")
    meter.restart()
    meter.work = meter.reader.start()
    meter.show("458")
    meter.show("464")
    statuses = [status for *_, status in meter.numbers]
    assert statuses == ["accepted", "unreadable", "unreadable", "accepted"]


@pytest.mark.slow
def test_numbers_that_all_contradict_the_last_one_are_reported_once(
    tmp_path: Path, test_slice: Split, capsys: Capsys
) -> None:
    """Pictures without a number, and plausible numbers, don't count."""
    meter = Meter(tmp_path, test_slice, max_step=9)
    for number in ("548", "459", "", "27", "548", "27", "", "459"):
        meter.show(number)
    assert not capsys.readouterr().err
    meter.show("459")
    assert capsys.readouterr().err == (
        "warning: 3 numbers in a row contradict the last accepted one; if it is wrong, correct its"
        f" row in {meter.results}, or --start-at, and restart\n"
    )
    meter.show("27")
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "last", "plausible", "implausible"),
    [
        ({"max_step": 0.1}, 12.4, ["12.3", "12.4", "12.5"], ["12.2", "12.6", "124"]),
        ({"not_below_last": True}, -3.0, ["-3", "0", "99999"], ["-4", "--3"]),
        ({"max_step": 5, "constraints": Constraints(range=(0, 7))}, 4.0, ["0", "7"], ["-1", "8"]),
        # It was accepted under other constraints.
        ({"max_step": 5, "constraints": Constraints(range=(0, 9))}, 99.0, ["1"], ["99"]),
    ],
)
def test_plausible_numbers(
    tmp_path: Path,
    options: dict[str, Any],
    last: float | None,
    plausible: list[str],
    implausible: list[str],
) -> None:
    reader = number_reader(tmp_path, **options)
    automaton = reader.plausible(last).automaton
    accepted = [text for text in plausible + implausible if accepts_text(automaton, text)]
    assert accepted == plausible


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ("file,modified,size,line,column,number,probability,status,a,b,c,d,e,f\n", None),
        ('"a,b.png",t,9,1,1,-7.5,0.99,accepted,,-7.5,0,0,9,9\n', -7.5),
        ("a,t,9,1,1,7,1,accepted,,7,0,0,9,9\na,t,9,1,1,8,1,review,,8,0,0,9,9\n", 7),
        ("a,t,9,1,1,7,1,accepted,,7,0,0,9,9\na,t,9,1,1,1-2,1,accepted,,,0,0,9,9\n", 7),
        ("\0" * 99 + "\na,t,9,1,1,7,1,accepted,,7,0,0,9,9\n\xff,accepted,\n", 7),
        ("a,t,9188,1,1,104320\na,t,9,1,1,7,1,accepted,,7,0,0,9,9,,\n", None),  # damaged
        ("a,t,9,,,7,0.000000,unreadable,,,,,,\r\n", 7),  # somebody has set it by a spreadsheet
    ],
)
def test_last_accepted(tmp_path: Path, rows: str, value: float | None) -> None:
    assert last_accepted(tmp_path / "missing.csv") is None
    (tmp_path / "results.csv").write_text(rows, encoding="latin-1")
    assert last_accepted(tmp_path / "results.csv") == value


def test_frames_are_read_together(tmp_path: Path, test_slice: Split) -> None:
    meter = Meter(tmp_path, test_slice, frames=3)
    for number in ("27", "", "27", "45", "45"):
        meter.show(number)
    numbers = [number for _, number, _ in meter.numbers]
    assert numbers == ["27", "", "27", "27", "45"]


@pytest.mark.parametrize(
    ("number", "max_errors", "status"),
    [("459", 0.3, "accepted"), ("459", 1e-15, "review"), ("", 0.3, "unreadable")],
)
def test_messages(
    tmp_path: Path, test_slice: Split, number: str, max_errors: float, status: str
) -> None:
    meter = Meter(tmp_path, test_slice, publishes=True, max_errors=max_errors)
    meter.show(number, name="a.png")
    row = meter.row_of("a.png")
    state = json.loads(row.messages["state"])
    assert (state.pop("probability") > 0) == bool(number)
    assert state.pop("second") != number or not number
    assert state == {"file": "a.png", "number": number, "status": status, "free": number}
    assert row.messages.get("number") == (b"459" if status == "accepted" else None)
    assert row.is_doubtful == (status != "accepted")


def test_published_picture_is_reduced(tmp_path: Path) -> None:
    meter = Bench(tmp_path, number_reader(tmp_path, publishes=True))
    Image.new("L", (2048, 100), 200).save(meter.inbox / "blank.png")
    picture = Image.open(io.BytesIO(meter.row_of("blank.png").messages["picture"]))
    assert (picture.format, picture.size) == ("JPEG", (1024, 50))


def test_each_sheet_has_a_row(tmp_path: Path, test_slice: Split) -> None:
    fields = Field("Größe", (20, 20, 340, 110)), Field("2", (20, 130, 340, 220), is_optional=True)
    form = Form((360, 260), fields, "fixed")
    meter = Meter(tmp_path, test_slice, kind=form, publishes=True)
    meter.show("28", "", name="complete.png")
    meter.show("", "459", name="lacking.png")
    (meter.inbox / "bad.png").write_bytes(b"\x89PNG")
    meter.advance(0, 2, 61)
    with meter.results.open() as file:
        rows = [(row["Größe"], row["2"], row["status"]) for row in csv.DictReader(file)]
    assert rows == [("28", "", "complete"), ("", "459", "review"), ("", "", "not found")]
    row = meter.row_of("lacking.png")
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
        ("--max-step 5", "options for numbers need --numbers"),
        ("--length 5", "options for numbers need --numbers"),
        ("--numbers --threshold 0.9", "numbers have --max-errors"),
        ("--fields a.toml --threshold 0.9", "numbers have --max-errors"),
        ("--fields a.toml --length 6", "constraints are in the form"),
        ("--fields a.toml --start-at 0", "--fields excludes numbers' options"),
        ("--fields a.toml --mqtt mqtt://broker --unit m", "--fields excludes numbers' options"),
        ("--numbers --start-at 5", "--start-at bounds nothing"),
        ("--numbers --not-below-last --range 0-9 --start-at 10", "--start-at bounds nothing"),
        ("--numbers --unit m", "--unit needs --mqtt"),
        ("--numbers --mqtt mqtt://broker --device-class water", "--device-class needs --unit"),
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
    messages = discovery("home/meter", "m³", "water", "total_increasing")
    configs = {topic: json.loads(message) for topic, message in messages.items()}
    [device] = {config["device"]["identifiers"][0] for config in configs.values()}
    kinds = {"picture": "image", "confidence": "sensor", "number": "sensor", "status": "sensor"}
    topics = [f"homeassistant/{kind}/{device}/{name}/config" for name, kind in kinds.items()]
    assert sorted(configs) == topics
    assert len({config["unique_id"] for config in configs.values()}) == 4
    for config in configs.values():
        assert (config["~"], config["availability_topic"]) == ("home/meter", "~/availability")
    picture, confidence, number, status = (configs[topic] for topic in topics)
    assert picture["image_topic"] == "~/picture"
    assert (number["state_topic"], status["state_topic"]) == ("~/number", "~/state")
    assert (number["unit_of_measurement"], number["device_class"]) == ("m³", "water")
    assert number["state_class"] == "total_increasing"
    assert "state_class" not in confidence and "state_class" not in status
    assert not any(b"_class" in message for message in discovery("meter", None, None).values())
    others = {*discovery("a/ü"), *discovery("a_ö")}
    assert len(others) == 8
    assert all(topic.isascii() and topic.count("/") == 4 for topic in others)


def test_home_assistant_finds_each_field_of_a_form() -> None:
    names = "Größe 1", "Gr__e 1", "picture"
    messages = discovery("exam", None, None, None, fields=names)
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
