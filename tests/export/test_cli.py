from pathlib import Path
from typing import Any

import pytest

from digits_export import cli, export
from digits_export.export import ExportConfig
from digits_export.report import Report, Variant
from digits_export.temperature import UNSCALED

VARIANT = Variant("fp32", "float", "a.onnx", 179_000, 0.99, 0.98, 0.01, 0.5, 0.0, 20.0)


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the calls of `export_run` instead of exporting."""
    calls: list[Any] = []

    def record(run: Any, config: ExportConfig, data: Path | None) -> Report:
        calls.append((str(run.folder), config, data))
        return Report(UNSCALED, 0.0, [VARIANT])

    monkeypatch.setattr(export, "export_run", record)
    return calls


@pytest.mark.parametrize(
    ("arguments", "run", "config", "data"),
    [
        (["a/run"], "a/run", ExportConfig(), None),
        ([], "runs/new", ExportConfig(), None),
        (["--quantize", "a/run"], "a/run", ExportConfig(quantize=True), None),
        (["a/run/state.pt", "--data", "mine"], "a/run", ExportConfig(), Path("mine")),
        (["a/run/checkpoint.safetensors"], "a/run", ExportConfig(), None),
        (
            ["a", "--force", "--triton", "t"],
            *("a", ExportConfig(force=True, triton=Path("t")), None),
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
    words = "fp32 float 179,000 bytes 99.00% 98.00% 1.00% 0.00% 20 µs a.onnx"
    assert " ".join(capsys.readouterr().out.splitlines()[1].split()) == words
