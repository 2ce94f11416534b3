"""`digits watch --mqtt` and Mosquitto: what it gets, and that no trouble with it costs a row."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.unix,
    pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is missing"),
]

PASSWORD = "correct horse"
TOPIC = "home/meter"
# Pictures are read at once, and a silent broker is noticed in a second.
PREPARE = """
from digits.watch import mqtt, watcher
watcher.STABLE, watcher.POLL, watcher.DAMAGED = 0, 0.01, 0
mqtt.KEEPALIVE = 1
from digits.__main__ import main
main()
"""


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Broker:
    """Mosquitto on a port of its own, which forgets everything when it is restarted."""

    def __init__(self, folder: Path, password: str = "", *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config, users = folder / "mosquitto.conf", folder / "users"
        lines = [f"listener {self.port} 127.0.0.1", "user root"]
        lines += [f"password_file {users}"] if password else ["allow_anonymous true"]
        self._config.write_text("\n".join([*lines, *options, ""]))
        if password:
            command = ["mosquitto_passwd", "-b", "-c", str(users), "meter", password]
            subprocess.run(command, check=True, capture_output=True)
        self._login = ("meter", password) if password else None
        self.start()

    def start(self) -> None:
        assert MOSQUITTO
        self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stderr=subprocess.DEVNULL)
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def retained(self) -> dict[str, bytes]:
        """What a client gets that comes now, by topic."""
        messages: dict[str, bytes] = {}

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            messages[message.topic] = bytes(message.payload)

        client = Client(CallbackAPIVersion.VERSION2)
        if self._login:
            client.username_pw_set(*self._login)
        client.on_message = on_message
        client.connect("127.0.0.1", self.port)
        while not client.is_connected():
            client.loop(0.1)
        client.subscribe("#", 1)
        client.publish("end")  # after all that are retained
        while "end" not in messages:
            client.loop(0.1)
        client.disconnect()
        return messages

    def state(self) -> Any:
        return json.loads(self.retained().get(f"{TOPIC}/state", b"{}"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


class Watch:
    """`digits watch --numbers --mqtt` of a folder."""

    def __init__(self, folder: Path, pictures: list[Path], port: int, start: str) -> None:
        self.folder, self._pictures, self._count = folder, pictures, 0
        self.inbox, self.errors = folder / "inbox", folder / "errors"
        self.inbox.mkdir()
        self._url = f"{start}127.0.0.1:{port}/{TOPIC}"
        self.start()

    def start(self) -> None:
        arguments = ["watch", "inbox", "results.csv", "--numbers", "--mqtt", self._url]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PREPARE, *arguments],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def add(self, number: int) -> str:
        """Have a picture arrive; returns its name."""
        self._count += 1
        name = f"{self._count}{self._pictures[number].suffix}"
        shutil.copy(self._pictures[number], self.folder / "arriving")
        (self.folder / "arriving").rename(self.inbox / name)
        return name

    def add_and_wait(self, number: int) -> str:
        name = self.add(number)
        wait_for(lambda: name in self.names())
        return name

    def names(self) -> list[str]:
        """The files of all rows."""
        results = self.folder / "results.csv"
        if not results.exists():
            return []
        lines = results.read_text().splitlines()  # at once: a row may be written meanwhile
        return [row["file"] for row in csv.DictReader(lines)]

    def stop(self) -> float:
        """SIGTERM; returns how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        return time.monotonic() - began

    def said(self) -> list[str]:
        """All on stderr but the first line."""
        lines = self.errors.read_text().splitlines()
        return [line for line in lines if not line.startswith("watching ")]

    def assert_one_row_each(self) -> None:
        assert sorted(self.names()) == sorted(path.name for path in self.inbox.iterdir())


Start = Callable[..., Watch]


@pytest.fixture
def start(tmp_path: Path, pictures: list[Path]) -> Iterator[Start]:
    watches: list[Watch] = []

    def start(port: int, start: str = "mqtt://") -> Watch:
        watches.append(Watch(tmp_path, pictures, port, start))
        return watches[0]

    yield start
    for watch in watches:
        watch.process.kill()
        watch.process.wait()


def test_broker_gets_all(broker: Broker, start: Start) -> None:
    watch = start(broker.port)
    name = watch.add(7)
    wait_for(lambda: f"{TOPIC}/picture" in (messages := broker.retained()) and messages)
    messages = broker.retained()
    state = json.loads(messages[f"{TOPIC}/state"])
    assert state.pop("probability") > 0.99
    assert state.pop("second") != "7"
    assert state == {"file": name, "number": "7", "status": "accepted", "free": "7"}
    assert messages[f"{TOPIC}/number"] == b"7"
    assert messages[f"{TOPIC}/availability"] == b"online"
    assert messages[f"{TOPIC}/picture"].startswith(b"\xff\xd8")
    assert sum(topic.startswith("homeassistant/") for topic in messages) == 4
    watch.add_and_wait(4)
    watch.stop()  # which sends the last message
    assert broker.state()["number"] == "4"
    assert broker.retained()[f"{TOPIC}/availability"] == b"offline"
    assert not watch.said()


def test_offline_is_published_once(broker: Broker, start: Start) -> None:
    topic, payloads = f"{TOPIC}/availability", list[bytes]()
    watch = start(broker.port)
    wait_for(lambda: broker.retained().get(topic) == b"online")
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, message: payloads.append(bytes(message.payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe(topic, 1)
    wait_for(lambda: (client.loop(0.1), payloads)[1])
    watch.stop()
    client.subscribe("end")
    client.publish("end", "end")  # after a last will, which the end of the process has sent
    wait_for(lambda: (client.loop(0.1), b"end" in payloads)[1])
    client.disconnect()
    assert payloads == [b"online", b"offline", b"end"]


def test_broker_is_restarted(broker: Broker, start: Start) -> None:
    """It has lost all that it retained, and gets the newest again."""
    watch = start(broker.port)
    watch.add(0)
    wait_for(lambda: broker.state().get("number") == "0")
    broker.stop()
    wait_for(watch.said)
    for number in (2, 4, 2):
        watch.add_and_wait(number)
    broker.start()
    wait_for(lambda: broker.state().get("number") == "2")
    assert broker.retained()[f"{TOPIC}/availability"] == b"online"
    address = f"MQTT broker 127.0.0.1:{broker.port}"
    wait_for(lambda: len(watch.said()) == 2)
    watch.stop()
    assert watch.said() == [
        f"error: {address}: the connection is lost; trying again",
        "recovered",
    ]
    watch.assert_one_row_each()


def test_broker_stalls(broker: Broker, start: Start) -> None:
    """As if the network had swallowed all packets."""
    watch = start(broker.port)
    watch.add_and_wait(0)
    broker.signal(signal.SIGSTOP)
    for number in (2, 4, 7):
        watch.add_and_wait(number)
    wait_for(watch.said)
    broker.signal(signal.SIGCONT)
    wait_for(lambda: broker.state().get("number") == "7")
    broker.signal(signal.SIGSTOP)
    assert watch.stop() < 3
    broker.signal(signal.SIGCONT)
    wait_for(lambda: broker.retained()[f"{TOPIC}/availability"] == b"offline")
    watch.assert_one_row_each()


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_password(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    broker = Broker(tmp_path, PASSWORD)
    monkeypatch.setenv("DIGITS_MQTT_PASSWORD", password)
    try:
        watch = start(broker.port, "mqtt://meter@")
        if password == PASSWORD:
            watch.add_and_wait(7)
            wait_for(lambda: broker.state().get("number") == "7")
            assert watch.stop() < 3 and not watch.said()
        else:
            assert watch.process.wait(20) == 1
            refusal = "Not authorized: is $DIGITS_MQTT_PASSWORD right?"
            assert watch.said() == [f"error: MQTT broker 127.0.0.1:{broker.port}: {refusal}"]
    finally:
        broker.stop()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")
@pytest.mark.parametrize("is_trusted", [True, False])
def test_tls(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    names = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate {names}".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    certificate = tmp_path / "certificate"
    broker = Broker(tmp_path, "", f"certfile {certificate}", f"keyfile {tmp_path / 'key'}")
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    try:
        watch = start(broker.port, "mqtts://")
        watch.add_and_wait(7)
        if not is_trusted:
            wait_for(watch.said)
            assert "certificate verify failed" in watch.said()[0]
        assert watch.stop() < 3
        assert len(watch.said()) == (0 if is_trusted else 1)
    finally:
        broker.stop()


def test_kill_while_reading(broker: Broker, start: Start) -> None:
    watch = start(broker.port)
    wait_for(lambda: broker.retained().get(f"{TOPIC}/availability") == b"online")
    for number in range(10):
        watch.add(number)
    for count in (2, 5):
        wait_for(partial(lambda count: len(watch.names()) >= count, count))
        watch.process.kill()
        watch.process.wait()
        wait_for(lambda: broker.retained()[f"{TOPIC}/availability"] == b"offline")
        watch.start()
    wait_for(lambda: len(watch.names()) >= 10)
    last = watch.names()[-1]
    wait_for(lambda: broker.state()["file"] == last)
    watch.stop()
    watch.assert_one_row_each()
