"""Another model in a running application, as after SIGHUP."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.inference import metadata, model_file
from digits.serve.app import App
from digits.serve.pictures import PictureWorker
from digits.serve.settings import Settings
from tests.in_process import InProcess
from tests.runtime.serve.conftest import serving
from tests.waiting import wait_until


def test_reload_takes_the_new_files_if_both_are_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, reader = tmp_path / "model.onnx", tmp_path / "reader.onnx"
    model.write_bytes(model_file.read_file().content)
    reader.write_bytes(model_file.read_file(task="reader").content)
    recipes = list[str]()  # of the readers with which workers were started

    def start(classifier: Classifier) -> PictureWorker:
        recipes.append(classifier.reader.metadata.recipe)
        return InProcess(lambda _: [])

    app = App(Settings(model=model, reader=reader, allowed_hosts="testserver"), start_worker=start)

    def served() -> tuple[str, str]:
        answer = TestClient(app).get("/v2/models/lenet5").json()
        return answer["parameters"]["recipe"], recipes[-1]

    before = served()
    kinds: list[Any] = [metadata.Metadata, metadata.ReaderMetadata]
    for path, kind in zip((model, reader), kinds, strict=True):
        about = replace(model_file.load(path, kind).metadata, recipe=path.stem)
        content = metadata.add_metadata(path.read_bytes(), about)
        path.write_bytes(content[:-1])
        asyncio.run(app.reload())
        err = capsys.readouterr().err
        assert "error: the model was not reloaded: " in err and path.name in err
        path.write_bytes(content)
    assert served() == before
    asyncio.run(app.reload())
    assert served() == ("model", "reader")
    metrics = app.metrics.render()
    for line in (b'{result="failed"} 2.0', b'{result="done"} 1.0'):
        assert b"digits_model_reloads_total" + line in metrics


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
        wait_until(lambda: server.started)
        for calls in range(100):  # noqa: B007
            server.reload()
        wait_until(lambda: ended[-1:] == [99])
    assert begun == ended and len(begun) < 99
