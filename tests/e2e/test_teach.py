"""Teach the bundled network a way of writing that it can't read: label, fine-tune, export, read."""

import json
from pathlib import Path

import pytest
from PIL import Image

from digits.data.mnist import Split
from tests.conftest import Run


def mirrored_sixes(digits: Split, folder: Path) -> list[Path]:
    """Write them into a new folder."""
    folder.mkdir()
    for number, image in enumerate(digits.images[digits.labels == 6]):
        Image.fromarray(255 - image[:, ::-1]).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.mark.usefixtures("slice_as_mnist")
def test_mirrored_sixes(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    train_slice: Split,
    test_slice: Split,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{path.name},6" for path in mirrored_sixes(train_slice, tmp_path / "mine")]
    Path("mine", "labels.csv").write_text("\n".join(["file,digit", *rows]))
    how = ("--data", "mine/labels.csv", "--epochs", 3, "--batch-size", 32)
    code, out, err = run("train", "--start", "bundled", *how)
    assert code == 0, err
    table = [line.strip() for line in out.splitlines()[3:]]
    assert table[0].split() == ["examples", "errors", "before", "errors", "after"]
    assert "pictures of your own, held back  100.00% (" in table[1]
    # Of so few validation digits, one is more than may be lost.
    code, _, err = run("export", "--quantize", "--force")
    assert code == 0, err
    result = Path("runs", "lenet5")
    assert table[1].split("  ")[1] in (result / "MODEL_CARD.md").read_text()

    others = mirrored_sixes(test_slice, tmp_path / "others")
    _, out, _ = run("predict", "--json", "--model", result / "lenet5.int8.onnx", *others)
    answers = [json.loads(line)["digit"] for line in out.splitlines()]
    assert answers.count(6) > 0.8 * len(others)
