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


class Started:
    """An application whose files can be changed, and the readers with which it starts workers."""

    def __init__(self, folder: Path) -> None:
        self.model, self.reader = folder / "model.onnx", folder / "reader.onnx"
        self.model.write_bytes(model_file.read_file().content)
        self.reader.write_bytes(model_file.read_file(task="reader").content)
        self.recipes: list[str] = []
        settings = Settings(model=self.model, reader=self.reader, allowed_hosts="testserver")
        self.app = App(settings, start_worker=self._start)

    def _start(self, classifier: Classifier) -> PictureWorker:
        self.recipes.append(classifier.reader.metadata.recipe)
        return InProcess(lambda _: [])

    def described(self) -> tuple[str, str]:
        """The recipes of the model that is served and of the newest reader."""
        answer = TestClient(self.app).get("/v2/models/lenet5").json()
        return answer["parameters"]["recipe"], self.recipes[-1]


def test_reload_takes_the_new_files(tmp_path: Path) -> None:
    started = Started(tmp_path)
    content = started.model.read_bytes()
    changed = replace(model_file.load(started.model, metadata.Metadata).metadata, recipe="another")
    started.model.write_bytes(metadata.add_metadata(content, changed))
    content = started.reader.read_bytes()
    about = model_file.load(started.reader, metadata.ReaderMetadata).metadata
    changed_reader = replace(about, recipe="a third")
    started.reader.write_bytes(metadata.add_metadata(content, changed_reader))
    assert started.described() != ("another", "a third")
    asyncio.run(started.app.reload())
    assert started.described() == ("another", "a third")
    assert b'digits_model_reloads_total{result="done"} 1.0' in started.app.metrics.render()


@pytest.mark.parametrize("name", ["model.onnx", "reader.onnx"])
def test_reload_of_an_unusable_file_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    started = Started(tmp_path)
    before = started.described()
    (tmp_path / name).write_bytes(b"nonsense")
    asyncio.run(started.app.reload())
    assert started.described() == before
    err = capsys.readouterr().err
    assert "error: the model was not reloaded: " in err and name in err
    assert b'digits_model_reloads_total{result="failed"} 1.0' in started.app.metrics.render()


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


def test_unusable_reader_is_an_error_at_the_start() -> None:
    with pytest.raises(ModelError, match=Path(model_file.BUNDLED).name):
        App(Settings(reader=Path(model_file.BUNDLED)))  # a classifier
