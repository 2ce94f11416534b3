from pathlib import Path
from typing import Any

import pytest

from digits_export import cli, export
from digits_export.export import Report, Request


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `digits export` would have exported."""
    found: list[Any] = []

    def record(run: Any, request: Request, data: Path | None) -> Report:
        found.append((str(run.folder), request))
        return Report(1.0, 0.0, [])

    monkeypatch.setattr(export, "export", record)
    return found


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (["a/run"], None),
        (["a/run", "--quantize"], "static"),
        (["--quantize", "a/run"], "static"),
        (["--quantize", "dynamic", "a/run"], "dynamic"),
        (["--quantize", "--json", "a/run"], "static"),
        (["--quantize=weights", "a/run"], "weights"),
    ],
)
def test_quantize_may_stand_alone(
    asked: list[Any], arguments: list[str], method: str | None
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app(arguments)
    assert stopped.value.code == 0
    [(run, request)] = asked
    assert run == "a/run"
    assert request.quantization == method


def test_every_wish_is_passed_on(asked: list[Any]) -> None:
    how = ["--quantize", "--calibration", "entropy", "--calibration-images", "7"]
    with pytest.raises(SystemExit):
        cli.app(["r", *how, "--max-accuracy-drop", "2", "--triton", "t"])
    assert asked == [("r", Request("static", "entropy", 7, 2.0, Path("t")))]


@pytest.mark.parametrize("drop", ["nan", "inf", "-1"])
def test_the_accuracy_check_can_t_be_talked_away(asked: list[Any], drop: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app(["r", "--quantize", "--max-accuracy-drop", drop])
    assert stopped.value.code == 2
    assert asked == []
