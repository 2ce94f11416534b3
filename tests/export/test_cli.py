from pathlib import Path
from typing import Any

import pytest

from digits.errors import DigitsError
from digits_export import cli, export
from digits_export.export import Report, Request


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `digits export` would have exported."""
    found: list[Any] = []

    def record(run: Any, request: Request, data: Path | None) -> Report:
        found.append((str(run.folder), request))
        return Report(1.0, 0.0, 0.0, [])

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
        (["--quantize", "a/run/checkpoint.safetensors"], "static"),
        (["a/run/state.pt"], None),
    ],
)
def test_quantize_may_stand_alone(
    asked: list[Any],
    arguments: list[str],
    method: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a" / "run").mkdir(parents=True)
    (tmp_path / "a" / "run" / "checkpoint.safetensors").touch()
    monkeypatch.chdir(tmp_path)
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


@pytest.mark.parametrize("drop", ["nan", "inf"])
def test_the_accuracy_check_can_t_be_talked_away(asked: list[Any], drop: str) -> None:
    with pytest.raises((DigitsError, SystemExit)):
        cli.app(["r", "--max-accuracy-drop", drop])
    assert asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--quantize", "dynamc"],
        ["r", "--calibration", "entropy"],
        ["r", "--quantize", "weights", "--calibration-images", "5"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(asked: list[Any], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app(arguments)
    assert stopped.value.code == 2
    assert asked == []
