"""What is published by MQTT, and brokers that are none; tests/e2e/test_mqtt.py has a real one."""

import json
import socket
from contextlib import suppress

import pytest

from digits.watch.mqtt import Publisher, discovery
from tests.waiting import wait_until


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
