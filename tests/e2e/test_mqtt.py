"""Mosquitto with `digits watch --mqtt`, or with its publisher alone."""

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
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from digits.watch import mqtt
from digits.watch.mqtt import Publisher
from tests.conftest import Run

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.unix,
    pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is missing"),
]

PASSWORD = "correct horse"
TOPIC = "home/meter"
AVAILABILITY = f"{TOPIC}/availability"
# Pictures are read at once, and a silent broker is noticed in a second.
PREPARE = """
from digits.watch import mqtt, watcher
watcher.STABLE, watcher.POLL = 0, 0.01
mqtt.KEEPALIVE = 1
from digits.__main__ import main
main()
"""


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Broker:
    """Mosquitto on a port of its own, which forgets everything when it is restarted."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self._login: tuple[str, str] | None = None

    def start(self, *options: str, password: str = "") -> None:
        assert MOSQUITTO
        lines = [f"listener {self.port} 127.0.0.1", "user root", "allow_anonymous true"]
        if password:
            self._login, users = ("meter", password), self._folder / "users"
            command = ["mosquitto_passwd", "-b", "-c", str(users), *self._login]
            subprocess.run(command, check=True, capture_output=True)
            lines[2] = f"password_file {users}"
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, *options, ""]))
        self._process = subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.DEVNULL)
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}/{TOPIC}"

    @contextmanager
    def messages(self) -> Iterator[list[tuple[str, bytes]]]:
        """Collect the topics and payloads of what is retained, and of what comes in the block."""
        messages: list[tuple[str, bytes]] = []

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            messages.append((message.topic, bytes(message.payload)))

        client = Client(CallbackAPIVersion.VERSION2)
        if self._login:
            client.username_pw_set(*self._login)
        client.on_message = on_message
        client.connect("127.0.0.1", self.port)
        client.subscribe("#", 1)
        client.loop_start()
        yield messages
        client.publish("end", "")
        wait_for(lambda: ("end", b"") in messages)
        client.disconnect()
        client.loop_stop()

    def retained(self) -> dict[str, bytes]:
        """What a client gets that comes now, by topic."""
        with self.messages() as messages:
            pass
        return dict(messages)

    def number(self) -> str:
        return str(json.loads(self.retained().get(f"{TOPIC}/state", b"{}")).get("number"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


class Watch:
    """`digits watch --numbers --mqtt` of a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._results = folder, folder / "results.csv"
        self._results.touch()
        self._errors = folder / "errors"
        (folder / "inbox").mkdir()
        self._command = [sys.executable, "-c", PREPARE, "watch", "inbox", "results.csv"]
        self._command += ["--numbers", "--mqtt", url]

    def start(self) -> None:
        with self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=errors
            )

    def add(self, picture: Path, name: str) -> None:
        """Have a picture arrive, and wait for its row."""
        shutil.copy(picture, self._folder / "arriving")
        (self._folder / "arriving").rename(self._folder / "inbox" / name)
        wait_for(lambda: name in self.names())

    def names(self) -> list[str]:
        """The files of all rows."""
        return [row["file"] for row in csv.DictReader(self._results.read_text().splitlines())]

    def said(self) -> list[str]:
        """All on stderr but the first line of each process."""
        lines = self._errors.read_text().splitlines()
        return [line for line in lines if not line.startswith("watching ")]


@pytest.fixture
def watch(tmp_path: Path, broker: Broker) -> Iterator[Watch]:
    watch = Watch(tmp_path, f"mqtt://meter@{broker.url}")
    yield watch
    watch.process.kill()
    watch.process.wait()


def test_kill_and_restarted_broker(
    broker: Broker, watch: Watch, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MQTT_PASSWORD", PASSWORD)
    broker.start(password=PASSWORD)
    watch.start()
    watch.add(pictures[7], "a.jpg")
    wait_for(lambda: f"{TOPIC}/picture" in broker.retained())
    messages = broker.retained()
    state = json.loads(messages[f"{TOPIC}/state"])
    assert state.pop("probability") > 0.99
    assert state.pop("second") != "7"
    assert state == {"file": "a.jpg", "number": "7", "status": "accepted", "free": "7"}
    assert messages[f"{TOPIC}/number"] == b"7"
    assert messages[AVAILABILITY] == b"online"
    assert messages[f"{TOPIC}/picture"].startswith(b"\xff\xd8")
    assert sum(topic.startswith("homeassistant/") for topic in messages) == 4

    watch.process.kill()
    wait_for(lambda: broker.retained()[AVAILABILITY] == b"offline")
    watch.start()
    wait_for(lambda: broker.retained()[AVAILABILITY] == b"online")
    broker.stop()
    wait_for(watch.said)
    for number in (2, 4, 2):
        watch.add(pictures[number], f"{len(watch.names())}.png")
    broker.start(password=PASSWORD)  # it has lost all that it retained, and gets the newest again
    wait_for(lambda: broker.number() == "2")
    assert broker.retained()[AVAILABILITY] == b"online"
    wait_for(lambda: len(watch.said()) == 2)
    watch.add(pictures[4], "last.png")
    watch.process.terminate()
    assert watch.process.wait(60) == 0
    assert broker.number() == "4"  # the last message is sent before the end
    assert broker.retained()[AVAILABILITY] == b"offline"
    address = f"MQTT broker 127.0.0.1:{broker.port}"
    assert watch.said() == [
        f"error: {address}: the connection is lost; trying again",
        "recovered",
    ]
    assert watch.names() == ["a.jpg", "1.png", "2.png", "3.png", "last.png"]


def test_offline_is_published_once(broker: Broker) -> None:
    broker.start()
    with broker.messages() as messages, Publisher(f"mqtt://{broker.url}"):
        wait_for(lambda: (AVAILABILITY, b"online") in messages)
    payloads = [payload for topic, payload in messages if topic == AVAILABILITY]
    assert payloads == [b"online", b"offline"]


def test_broker_stalls(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the network had swallowed all packets."""
    monkeypatch.setattr(mqtt, "KEEPALIVE", 1)
    broker.start()
    with Publisher(f"mqtt://{broker.url}") as publisher:
        wait_for(lambda: broker.retained().get(AVAILABILITY) == b"online")
        broker.signal(signal.SIGSTOP)
        publisher.publish({"state": b'{"number": "7"}', "picture": bytes(5_000_000)})
        wait_for(publisher.troubles)
        assert publisher.troubles() == [f"MQTT broker 127.0.0.1:{broker.port}: no answer"]
        broker.signal(signal.SIGCONT)
        wait_for(lambda: broker.number() == "7" and not publisher.troubles())
        broker.signal(signal.SIGSTOP)  # which doesn't hinder its end
    broker.signal(signal.SIGCONT)
    wait_for(lambda: broker.retained()[AVAILABILITY] == b"offline")


def test_wrong_password(
    broker: Broker, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.start(password=PASSWORD)
    monkeypatch.setenv("DIGITS_MQTT_PASSWORD", "wrong")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    url = f"mqtt://meter@{broker.url}"
    code, _, err = run("watch", tmp_path, tmp_path / "new.csv", "--numbers", "--mqtt", url)
    refusal = "Not authorized: is $DIGITS_MQTT_PASSWORD right?"
    error = f"error: MQTT broker 127.0.0.1:{broker.port}: {refusal}"
    assert (code, err.splitlines()[1:]) == (1, [error])


def test_tls(broker: Broker, tls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.start(f"certfile {tls}/cert.pem", f"keyfile {tls}/key.pem")
    with Publisher(f"mqtts://localhost:{broker.port}") as publisher:
        wait_for(publisher.troubles)
    assert "certificate verify failed" in publisher.troubles()[0]
    monkeypatch.setenv("SSL_CERT_FILE", f"{tls}/cert.pem")
    with Publisher(f"mqtts://localhost:{broker.port}") as publisher:
        wait_for(lambda: publisher.publish({"number": b"7"}))
        assert not publisher.troubles()
