from pathlib import Path
from typing import Any

import pytest

from digits.errors import DigitsError
from digits_export import cli, export
from digits_export.export import ExportConfig, Report


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the calls of `export_run` instead of exporting."""
    found: list[Any] = []

    def record(run: Any, config: ExportConfig, data: Path | None) -> Report:
        found.append((str(run.folder), config))
        return Report(1.0, 0.0, 0.0, [])

    monkeypatch.setattr(export, "export_run", record)
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
def test_quantize_without_a_value(
    exports: list[Any],
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
    [(run, config)] = exports
    assert run == "a/run"
    assert config.quantization == method


def test_options_are_passed_on(exports: list[Any]) -> None:
    how = ["--quantize", "--calibration", "entropy", "--calibration-images", "7"]
    with pytest.raises(SystemExit):
        cli.app(["r", *how, "--max-accuracy-drop", "2", "--triton", "t"])
    assert exports == [("r", ExportConfig("static", "entropy", 7, 2.0, Path("t")))]


@pytest.mark.parametrize("drop", ["nan", "inf"])
def test_max_accuracy_drop_must_be_finite(exports: list[Any], drop: str) -> None:
    with pytest.raises((DigitsError, SystemExit)):
        cli.app(["r", "--max-accuracy-drop", drop])
    assert exports == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--quantize", "dynamc"], "'dynamc' after --quantize is neither a run folder nor one of"),
        (["r", "--calibration", "entropy"], "--calibration and --calibration-images need"),
        (["r", "--quantize", "weights", "--calibration-images", "5"], "need --quantize static"),
    ],
)
def test_wrong_usage(
    exports: list[Any], arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app(arguments)
    assert stopped.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
    assert exports == []
