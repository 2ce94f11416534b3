"""Mosquitto with `digits watch --mqtt`, or with its publisher alone."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from digits.watch import mqtt
from digits.watch.mqtt import Publisher
from tests.conftest import Patch, Run
from tests.waiting import wait_until

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [pytest.mark.unix, pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is missing")]

PASSWORD = "correct horse"
TOPIC = "home/desk"
AVAILABILITY = f"{TOPIC}/availability"
# Pictures are read at once.
PREPARE = """
from digits.watch import watcher
watcher.STABLE, watcher.POLL = 0, 0.01
from digits.__main__ import main
main()
"""


class Broker:
    """Mosquitto on a port of its own, which forgets everything when it is restarted.

    Without a name, no password is needed.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config, users = folder / "mosquitto.conf", folder / "users"
        self._lines = [f"listener {self.port} 127.0.0.1", f"password_file {users}"]
        self._lines += ["user root", "allow_anonymous true"]
        command = ["mosquitto_passwd", "-b", "-c", str(users), "desk", PASSWORD]
        subprocess.run(command, check=True, capture_output=True)

    def start(self, *options: str) -> None:
        assert MOSQUITTO
        self._config.write_text("\n".join([*self._lines, *options, ""]))
        command = [MOSQUITTO, "-c", str(self._config)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}/{TOPIC}"

    def retained(self) -> dict[str, bytes]:
        """What a client gets that comes now, by topic."""
        messages: dict[str, bytes] = {}

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            messages[message.topic] = bytes(message.payload)

        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.connect("127.0.0.1", self.port)
        client.subscribe("#", 1)
        client.loop_start()
        client.publish("end", "")
        wait_until(lambda: "end" in messages)
        client.disconnect()
        client.loop_stop()
        return messages


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@contextmanager
def watching(folder: Path, url: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `digits watch --numbers --mqtt` of the folder `inbox`, and kill it."""
    command = [sys.executable, "-c", PREPARE, "watch", "inbox", "results.csv"]
    command += [*(options or ["--numbers"]), "--mqtt", url]
    with (
        (folder / "errors").open("a") as errors,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_kill_and_restarted_broker(
    broker: Broker, tmp_path: Path, pictures: list[Path], monkeypatch: Patch
) -> None:
    monkeypatch.setenv("DIGITS_MQTT_PASSWORD", PASSWORD)
    url, inbox = f"mqtt://desk@{broker.url}", tmp_path / "inbox"

    def errors() -> list[str]:
        """All on stderr but the first line of each process."""
        lines = (tmp_path / "errors").read_text().splitlines()
        return [line for line in lines if not line.startswith("watching ")]

    def add(number: int) -> None:
        shutil.copy(pictures[number], inbox / f"{number}.png")
        wait_until(lambda: f"\n{number}.png," in (tmp_path / "results.csv").read_text())

    broker.start()
    inbox.mkdir()
    shutil.copy(pictures[7], inbox / "7.png")
    with watching(tmp_path, url):
        wait_until(lambda: f"{TOPIC}/picture" in broker.retained())
        messages = broker.retained()
        state = json.loads(messages[f"{TOPIC}/state"])
        assert state.pop("probability") > 0.99 and state.pop("second") != "7"
        assert state == {"file": "7.png", "number": "7", "status": "accepted", "free": "7"}
        assert (messages[f"{TOPIC}/number"], messages[AVAILABILITY]) == (b"7", b"online")
        assert messages[f"{TOPIC}/picture"].startswith(b"\xff\xd8")
        assert sum(topic.startswith("homeassistant/") for topic in messages) == 4
    wait_until(lambda: broker.retained()[AVAILABILITY] == b"offline")
    with watching(tmp_path, url) as process:
        wait_until(lambda: broker.retained()[AVAILABILITY] == b"online")
        broker.stop()
        wait_until(errors)
        add(4)
        add(2)
        broker.start()  # it has lost all that it retained, and gets the newest
        wait_until(lambda: broker.retained().get(f"{TOPIC}/number") == b"2")
        wait_until(lambda: len(errors()) == 2)
        add(1)
        process.terminate()
        assert process.wait(60) == 0
    messages = broker.retained()  # the last ones are sent before the end
    assert (messages[f"{TOPIC}/number"], messages[AVAILABILITY]) == (b"1", b"offline")
    lost = f"error: MQTT broker 127.0.0.1:{broker.port}: the connection is lost; trying again"
    assert errors() == [lost, "recovered"]


def test_fields_of_a_form(broker: Broker, tmp_path: Path, pictures: list[Path]) -> None:
    broker.start()
    (tmp_path / "inbox").mkdir()
    shutil.copy(pictures[4], tmp_path / "inbox")
    form = "find = 'fixed'\nsize = [9, 9]\n[[fields]]\nname = 'Größe 1'\nbox = [1, 1, 8, 8]\n"
    (tmp_path / "form.toml").write_text(form, encoding="utf-8")
    with watching(tmp_path, f"mqtt://{broker.url}", "--fields", "form.toml"):
        wait_until(lambda: f"{TOPIC}/picture" in broker.retained())
        messages = broker.retained()
    assert json.loads(messages[f"{TOPIC}/state"])["status"] == "complete"
    assert messages[f"{TOPIC}/Größe 1/number"] == b"4"
    assert json.loads(messages[f"{TOPIC}/Größe 1/state"])["status"] == "accepted"
    assert sum(topic.startswith("homeassistant/") for topic in messages) == 3


def test_broker_stalls(broker: Broker, monkeypatch: Patch) -> None:
    """As if the network had swallowed all packets."""
    monkeypatch.setattr(mqtt, "KEEPALIVE", 1)
    broker.start()
    with Publisher(f"mqtt://{broker.url}") as publisher:
        wait_until(lambda: broker.retained().get(AVAILABILITY) == b"online")
        broker.process.send_signal(signal.SIGSTOP)
        publisher.publish({"number": b"7", "picture": bytes(5_000_000)})
        wait_until(publisher.troubles)
        trouble = f"MQTT broker 127.0.0.1:{broker.port}: the connection is lost"
        assert publisher.troubles() == [trouble]
        broker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: broker.retained().get(f"{TOPIC}/number") == b"7")
        wait_until(lambda: not publisher.troubles())
        broker.process.send_signal(signal.SIGSTOP)  # which doesn't hinder its end
    broker.process.send_signal(signal.SIGCONT)
    wait_until(lambda: broker.retained()[AVAILABILITY] == b"offline")


def test_wrong_password(broker: Broker, tmp_path: Path, run: Run, monkeypatch: Patch) -> None:
    broker.start()
    monkeypatch.setenv("DIGITS_MQTT_PASSWORD", "wrong")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    url = f"mqtt://desk@{broker.url}"
    code, _, err = run("watch", tmp_path, tmp_path / "new.csv", "--numbers", "--mqtt", url)
    refusal = f"{broker.port}: Not authorized: is $DIGITS_MQTT_PASSWORD right?"
    assert (code, err.splitlines()[1:]) == (1, [f"error: MQTT broker 127.0.0.1:{refusal}"])


def test_tls(broker: Broker, tls: Path, monkeypatch: Patch) -> None:
    broker.start(f"certfile {tls}/cert.pem", f"keyfile {tls}/key.pem")
    with Publisher(f"mqtts://localhost:{broker.port}") as publisher:
        wait_until(publisher.troubles)
    assert "certificate verify failed" in publisher.troubles()[0]
    monkeypatch.setenv("SSL_CERT_FILE", f"{tls}/cert.pem")
    with Publisher(f"mqtts://localhost:{broker.port}") as publisher:
        wait_until(lambda: publisher.publish({"number": b"7"}))
        assert not publisher.troubles()
