"""Another model in a running application, as after SIGHUP."""

import asyncio
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.inference import model_file
from digits.serve.app import App
from digits.serve.settings import Settings
from tests.in_process import InProcess


def reloads(app: App, result: str) -> bool:
    """Whether one reload has ended so."""
    return f'digits_model_reloads_total{{result="{result}"}} 1.0' in app.metrics.render().decode()


@pytest.fixture
def app(classifier: Classifier, tmp_path: Path) -> App:
    """Of a model's file, which a test may change."""
    model = tmp_path / "model.onnx"
    model.write_bytes(model_file.read_file(None).content)
    return App(Settings(model=model), classifier, lambda _: InProcess(lambda _: []))


def test_reload_takes_the_new_model(app: App) -> None:
    before = app._service._batcher.model
    asyncio.run(app.reload())
    assert reloads(app, "done")
    assert app._service._batcher.model is not before


def test_reload_of_a_damaged_model_keeps_the_old_one(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    before = app._service._batcher.model
    assert app.settings.model
    app.settings.model.write_bytes(b"nonsense")
    asyncio.run(app.reload())
    assert reloads(app, "failed")
    assert app._service._batcher.model is before
    assert "the model was not reloaded: " in caplog.text
