"""Another model in a running application, as after SIGHUP."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.errors import ModelError
from digits.inference import metadata, model_file
from digits.serve.app import App
from digits.serve.pictures import Answer, Upload
from digits.serve.server import make_server
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


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A reader's file, which a test may change."""
    (tmp_path / "reader.onnx").write_bytes(model_file.read_file(task="reader").content)
    return tmp_path / "reader.onnx"


def test_reload_takes_the_new_reader(reader: Path) -> None:
    """A worker reads with what the file held when it was loaded."""
    started: list[Classifier] = []

    def start_worker(classifier: Classifier) -> InProcess[Sequence[Upload], list[Answer]]:
        started.append(classifier)
        return InProcess(lambda _: [])

    app = App(Settings(reader=reader), start_worker=start_worker)
    content = reader.read_bytes()
    changed = metadata.read_reader(content, "")._replace(rejection_threshold=0.75)
    reader.write_bytes(metadata.add_metadata(content, changed))
    asyncio.run(app.reload())
    reader.unlink()
    first, *_, last = started
    before, after = (one.reader.metadata.rejection_threshold for one in (first, last))
    assert before != after == 0.75
    assert reloads(app, "done")


def test_many_reloads_are_one_after_the_other(app: App) -> None:
    """The last one begins after the last call, so that the newest file wins."""
    begun: list[int] = []
    ended: list[int] = []
    calls = 0

    async def reload() -> None:
        assert len(begun) == len(ended)
        begun.append(calls)
        await asyncio.sleep(0.01)
        ended.append(calls)

    async def run() -> None:
        nonlocal calls
        server = make_server(app)
        server._loop = asyncio.get_running_loop()
        for calls in range(100):  # noqa: B007
            server.reload()
            await asyncio.sleep(0)
        while server._reloading and not server._reloading.done():
            await asyncio.sleep(0.01)

    app.reload = reload  # type: ignore[method-assign]
    asyncio.run(run())
    assert begun[-1] == 99 and len(begun) < 99


@pytest.mark.parametrize("content", [b"nonsense", None])
def test_reload_of_an_unusable_reader_changes_nothing(
    reader: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    app = App(Settings(reader=reader), start_worker=lambda _: InProcess(lambda _: []))
    before = app._service._batcher.model
    if content:
        reader.write_bytes(content)
    else:
        reader.unlink()
    asyncio.run(app.reload())
    assert reloads(app, "failed")
    assert app._service._batcher.model is before
    assert "the model was not reloaded: " in caplog.text and str(reader) in caplog.text


def test_unusable_reader_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"nonsense")
    for file in (tmp_path / "damaged.onnx", tmp_path / "missing.onnx", Path(model_file.BUNDLED)):
        with pytest.raises(ModelError, match=file.name):
            App(Settings(reader=file))
    with pytest.raises(ModelError, match="wrong model"):
        App(Settings(reader_sha256="0" * 64))
