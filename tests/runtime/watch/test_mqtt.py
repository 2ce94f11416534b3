"""What is published by MQTT, and brokers that are none; tests/e2e/test_mqtt.py has a real one."""

import json
import socket
import time
from contextlib import suppress

import pytest

from digits.watch import mqtt
from digits.watch.mqtt import Publisher, discovery


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://broker", "expected mqtt://USER@HOST:PORT/TOPIC"),
        ("mqtt://", "expected mqtt://"),
        (f"mqtt://{'a' * 70}", "expected mqtt://"),
        ("mqtt://broker/topic?secret", "expected mqtt://"),
        ("mqtt://user:secret@broker", r"put the password into \$DIGITS_MQTT_PASSWORD"),
        ("mqtt://user:sec/ret@broker", "expected mqtt://"),
        ("mqtt://broker/a%23", "a topic has"),
        (f"mqtt://broker/{'a' * 201}", "a topic has"),
    ],
)
def test_malformed_url_is_not_repeated(url: str, message: str) -> None:
    Publisher(f"mqtt://broker/{'a' * 200}")
    with pytest.raises(ValueError, match=message) as caught:
        Publisher(url)
    assert "secret" not in str(caught.value) and "sec" not in str(caught.value)


def test_home_assistant_finds_four_entities() -> None:
    messages = discovery("home/meter", "m³", "water", "total_increasing")
    configs = {topic: json.loads(message) for topic, message in messages.items()}
    [device] = {config["device"]["identifiers"][0] for config in configs.values()}
    names = ("image", "picture"), *(("sensor", name) for name in ("confidence", "number", "status"))
    topics = [f"homeassistant/{kind}/{device}/{name}/config" for kind, name in names]
    assert sorted(configs) == topics
    assert len({config["unique_id"] for config in configs.values()}) == 4
    for config in configs.values():
        assert (config["~"], config["availability_topic"]) == ("home/meter", "~/availability")
    _, confidence, number, status = (configs[topic] for topic in topics)
    assert configs[topics[0]]["image_topic"] == "~/picture"
    assert (number["state_topic"], status["state_topic"]) == ("~/number", "~/state")
    assert (number["unit_of_measurement"], number["device_class"]) == ("m³", "water")
    assert number["state_class"] == "total_increasing"
    assert "state_class" not in confidence and "state_class" not in status
    assert not any(b"_class" in message for message in discovery("meter", None, None).values())


@pytest.mark.parametrize(("first", "second"), [("a/b", "a_b"), ("küche", "kuche"), ("数", "字")])
def test_topics_are_different_devices(first: str, second: str) -> None:
    assert not discovery(first).keys() & discovery(second).keys()
    for topic in discovery(first):
        assert topic.isascii() and topic.count("/") == 4


@pytest.mark.unix
@pytest.mark.parametrize("is_listening", [False, True])
def test_what_is_no_broker_delays_nothing(
    monkeypatch: pytest.MonkeyPatch, is_listening: bool
) -> None:
    """It refuses connections; or it accepts them, and never answers."""
    monkeypatch.setattr(mqtt, "KEEPALIVE", 1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if is_listening:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        with Publisher(f"mqtt://{address}/topic") as publisher:
            while not publisher.troubles():
                publisher.publish({"picture": bytes(1_000_000)})
                time.sleep(0.01)
                assert time.monotonic() < began + 10
            ended = time.monotonic()
        assert time.monotonic() < ended + 2
    reason = "no answer" if is_listening else "Connection refused"
    assert publisher.troubles() == [f"MQTT broker {address}: {reason}"]


@pytest.mark.unix
@pytest.mark.parametrize(
    "message",
    [
        b"\x30\xff\xff\xff\x7f\0\1a",  # of 256 MB
        b"\x34\6\0\1a\0\1x",  # with QoS 2, to be held until it is released
        b"\x90\xff\xff\xff\x7f",  # an answer of 256 MB
    ],
)
def test_broker_that_sends_more_than_answers_is_left(message: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        with Publisher(f"mqtt://127.0.0.1:{server.getsockname()[1]}") as publisher:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(1000)
                connection.sendall(b"\x20\2\0\0" + message)
                sent = b"."
                with suppress(ConnectionResetError):
                    while sent:
                        sent = connection.recv(1000)
            deadline = time.monotonic() + 10
            while not publisher.troubles() and time.monotonic() < deadline:
                time.sleep(0.01)
    assert "the connection is lost" in publisher.troubles()[0]
