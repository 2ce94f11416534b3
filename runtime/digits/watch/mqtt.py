"""Publish what `digits watch` reads to an MQTT broker, and describe it to Home Assistant.

Every message is retained, and only the newest of each topic counts: a broker gets all of these
whenever it is reached again, so none is sent twice (QoS 0), and what it misses is in the results
file. paho's own thread waits for the broker, so nothing else does.
"""

import re
import sys
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from threading import Lock
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from digits import __version__
from digits.errors import DigitsError
from digits.system import variable
from digits.text import to_json

KEEPALIVE = 15  # seconds of silence; a broker has as many to answer then
_GOODBYE = 0.5  # seconds for the last messages
_MAX_ANSWER, _PUBLISH = 100, 3  # bytes; a type of message
_REFUSALS = ("Bad user name or password", "Not authorized")
_PERCENTAGE = {
    "value_template": "{{ (100 * value_json.probability) | round(1) }}",
    "unit_of_measurement": "%",
}
_PASSWORD = "DIGITS_MQTT_PASSWORD"


def discovery(topic: str, fields: Sequence[str] = ()) -> dict[str, bytes]:
    """What Home Assistant must know of the topics below this one, by topic.

    fields: names of a form's.
    https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
    https://www.home-assistant.io/integrations/sensor.mqtt
    """
    device, *ids = (
        f"digits_{re.sub('[^a-zA-Z0-9_-]', '_', name)}_{zlib.crc32(name.encode()):08x}"
        for name in (topic, *fields)
    )
    common = {
        "~": topic,
        "availability_topic": "~/availability",
        "device": {"identifiers": [device], "name": topic, "sw_version": __version__},
    }
    state = {"state_topic": "~/state"}
    entities = {
        ("sensor", "number"): {"state_topic": "~/number"},
        ("sensor", "status"): state | {"value_template": "{{ value_json.status }}"},
        ("sensor", "confidence"): state | _PERCENTAGE,
        ("image", "picture"): {"image_topic": "~/picture", "content_type": "image/jpeg"},
    }
    if fields:
        del entities["sensor", "number"], entities["sensor", "confidence"]
    for name, id_ in zip(fields, ids, strict=True):
        topics = {"state_topic": f"~/{name}/number", "json_attributes_topic": f"~/{name}/state"}
        entities["sensor", id_] = {"name": name, **topics}
    messages = {}
    for (kind, name), own in entities.items():
        config = {"name": name.capitalize(), "unique_id": f"{device}_{name}"} | common | own
        messages[f"homeassistant/{kind}/{device}/{name}/config"] = to_json(config).encode()
    return messages


class _Client(Client):
    """Refuses what is no short answer: nothing is subscribed, and paho would hold all of it."""

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > _MAX_ANSWER or self._in_packet["command"] >> 4 == _PUBLISH:
            raise ConnectionError
        return super()._sock_recv(bufsize)


class Publisher(AbstractContextManager["Publisher"]):
    """Keeps a broker up to date during a block.

    url: mqtt://USER@HOST:PORT/TOPIC, or mqtts:// for TLS; user, port and topic may be missing. The
    password is in $DIGITS_MQTT_PASSWORD. fields: see `discovery`. Raises ValueError, without the
    URL: it may hold a secret.
    """

    def __init__(self, url: str, fields: Sequence[str] = ()) -> None:
        try:
            parts = urlsplit(url)
            port, host = parts.port, (parts.hostname or "").encode("idna").decode()
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("mqtt", "mqtts") or {"?", "#"} & {*url}:
            raise ValueError("expected mqtt://USER@HOST:PORT/TOPIC, or mqtts:// for TLS")
        if parts.password is not None:
            raise ValueError(f"put the password into ${_PASSWORD}: others can see command lines")
        self._topic = unquote(parts.path).strip("/") or "digits"
        if not re.fullmatch(r"[^$+#\x00-\x1f\x7f]{1,200}", self._topic):
            raise ValueError("a topic has at most 200 characters, and none of $ + #")
        port = port or (8883 if parts.scheme == "mqtts" else 1883)
        self._broker = f"MQTT broker {host}:{port}"
        self._newest = discovery(self._topic, fields)
        self._newest[f"{self._topic}/availability"] = b"online"
        self._was_connected = False
        self._trouble = self._refusal = ""  # that of the password, from the start
        self._lock = Lock()  # or an older message might be sent after a newer one
        self._client = _Client(CallbackAPIVersion.VERSION2)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), variable(_PASSWORD))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.will_set(f"{self._topic}/availability", b"offline", retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_async(host, port, KEEPALIVE)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        """Send what is left, and that this is the end, in half a second at most."""
        with suppress(RuntimeError):  # the connection is lost
            if sent := self.publish({"availability": b"offline"}):
                sent.wait_for_publish(_GOODBYE)
                # Without a farewell, the broker publishes the last will.
                if sent.is_published():
                    self._client.disconnect()
                    self._client.loop_stop()  # waits for the farewell
            else:
                self._client.disconnect()  # tries to connect no more

    def publish(self, messages: Mapping[str, bytes]) -> MQTTMessageInfo | None:
        """Send these by the ends of their topics. Returns the last one, unless all have to wait."""
        sent = None
        with self._lock:
            for name, payload in messages.items():
                topic = f"{self._topic}/{name}"
                self._newest[topic] = payload
                if self._client.is_connected():
                    sent = self._client.publish(topic, payload, retain=True)
        return sent

    def troubles(self) -> list[str]:
        """What has prevented that since the last success.

        Raises DigitsError if the broker has refused the password from the start.
        """
        if self._refusal:
            raise DigitsError(self._refusal)
        return [self._trouble] * bool(self._trouble)

    def _on_connect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        if reason.is_failure:
            if str(reason) in _REFUSALS and not self._was_connected:
                self._refusal = f"{self._broker}: {reason}: is ${_PASSWORD} right?"
            self._note(str(reason))
            return
        self._was_connected, self._trouble = True, ""
        with self._lock:
            for topic, payload in self._newest.items():  # it may have lost all of them
                self._client.publish(topic, payload, retain=True)

    def _on_connect_fail(self, *_: Any) -> None:
        error = sys.exception()  # which paho is handling
        self._note(str(getattr(error, "strerror", None) or error))

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        if reason.is_failure:
            self._note("the connection is lost")

    def _note(self, trouble: str) -> None:
        self._trouble = self._trouble or f"{self._broker}: {trouble}"
