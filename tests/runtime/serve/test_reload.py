"""Another model in a running application, as after SIGHUP."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.errors import ModelError
from digits.inference import metadata, model_file
from digits.serve.app import App
from digits.serve.pictures import PictureWorker
from digits.serve.settings import Settings
from tests.in_process import InProcess
from tests.runtime.serve.conftest import serving


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's file, which a test may change."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model_file.read_file().content)
    return path


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A reader's file, which a test may change."""
    path = tmp_path / "reader.onnx"
    path.write_bytes(model_file.read_file(task="reader").content)
    return path


class Started:
    """An application, and the classifiers with which it has started workers."""

    def __init__(self, model: Path, reader: Path) -> None:
        self.classifiers: list[Classifier] = []
        settings = Settings(model=model, reader=reader, allowed_hosts="testserver")
        self.app = App(settings, start_worker=self._start)
        self.client = TestClient(self.app)

    def _start(self, classifier: Classifier) -> PictureWorker:
        self.classifiers.append(classifier)
        return InProcess(lambda _: [])

    def described(self) -> tuple[str, str]:
        """The recipes of the model that is served and of the newest reader."""
        parameters = self.client.get("/v2/models/lenet5").json()["parameters"]
        return parameters["recipe"], self.classifiers[-1].reader.metadata.recipe

    def reload(self) -> str:
        """Returns how it has ended, according to the metrics."""
        asyncio.run(self.app.reload())
        shown = self.app.metrics.render().decode()
        [result] = [
            result
            for result in ("done", "failed")
            if f'digits_model_reloads_total{{result="{result}"}} 1.0' in shown
        ]
        return result


def test_reload_takes_the_new_files(model: Path, reader: Path) -> None:
    started = Started(model, reader)
    content = model.read_bytes()
    changed = replace(metadata.read(content, "", metadata.Metadata), recipe="another")
    model.write_bytes(metadata.add_metadata(content, changed))
    content = reader.read_bytes()
    changed_reader = metadata.read(content, "", metadata.ReaderMetadata)._replace(recipe="a third")
    reader.write_bytes(metadata.add_metadata(content, changed_reader))
    assert started.described() != ("another", "a third")
    assert started.reload() == "done"
    for file in (model, reader):
        file.unlink()  # a worker reads with what it held when it was loaded
    assert started.described() == ("another", "a third")


@pytest.mark.parametrize("name", ["model.onnx", "reader.onnx"])
def test_reload_of_an_unusable_file_changes_nothing(
    model: Path, reader: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    started = Started(model, reader)
    before = started.described()
    file = model.parent / name
    file.write_bytes(b"nonsense")
    assert started.reload() == "failed"
    assert started.described() == before
    err = capsys.readouterr().err
    assert "error: the model was not reloaded: " in err and str(file) in err


def test_many_reloads_are_one_after_the_other(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one begins after the last call, so that the newest file wins."""
    calls, begun, ended = 0, list[int](), list[int]()

    async def reload(_: App) -> None:
        assert len(begun) == len(ended)
        begun.append(calls)
        await asyncio.sleep(0.01)
        ended.append(begun[-1])

    monkeypatch.setattr(App, "reload", reload)
    with serving(classifier) as (server, _):
        while not server.started:
            pass
        for calls in range(100):  # noqa: B007
            server.reload()
        while ended[-1:] != [99]:
            pass
    assert begun == ended and len(begun) < 99


@pytest.mark.parametrize("name", ["damaged.onnx", "missing.onnx", model_file.BUNDLED])
def test_unusable_reader_is_an_error_at_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=Path(name).name):
        App(Settings(reader=tmp_path / name))  # the last is a classifier, whose path is absolute
