from pathlib import Path
from typing import Any

import pytest

from digits_export import cli, export
from digits_export.export import ExportConfig
from digits_export.report import Report
from digits_export.temperature import TemperatureScaling

FORM = {"name": "fp32", "bytes": 179_000, "file": "a.onnx"}
COLUMNS = {"form": "{name}", "size": "{bytes:,} bytes"}


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the calls of `export_run` instead of exporting."""
    calls: list[Any] = []

    def record(run: Any, config: ExportConfig, data: Path | None) -> Report:
        calls.append((str(run.folder), config, data))
        return Report(TemperatureScaling(), 0.0, [FORM], COLUMNS)

    monkeypatch.setattr(export, "export_run", record)
    return calls


@pytest.mark.parametrize(
    ("arguments", "run", "config", "data"),
    [
        (["a/run"], "a/run", ExportConfig(), None),
        ([], "runs/new", ExportConfig(), None),
        (["a/run/state.pt", "--data", "mine"], "a/run", ExportConfig(), Path("mine")),
        (
            ["a", "--quantize", "--force", "--triton", "t"],
            *("a", ExportConfig(True, Path("t"), force=True), None),
        ),
    ],
)
def test_options_are_passed_on(
    exports: list[Any],
    arguments: list[str],
    run: str,
    config: ExportConfig,
    data: Path | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in ("a/run", "runs/new"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "checkpoint.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.app(arguments)
    assert stopped.value.code == 0
    assert exports == [(run, config, data)]
    assert capsys.readouterr().out.splitlines() == [
        "form  size           file",
        "fp32  179,000 bytes  a.onnx",
    ]
