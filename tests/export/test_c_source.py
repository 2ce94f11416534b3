"""Networks as C, beside onnxruntime's integer kernels; and what can't be written."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from digits.errors import ModelError
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR
from digits_export.c_export import make_c
from digits_export.c_source import write_c
from digits_export.layers import read_layers
from digits_export.quantize import batches, quantize
from digits_train.onnx_graph import serialize
from tests.conftest import Run
from tests.export.conftest import classifier_graph
from tests.onnx_files import integer_logits

PRECISION = 2.0**-16
NOISE = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
MAIN = Path(__file__).parents[1] / "c" / "host.c"


class Scaled(nn.Sequential):
    """Layers that read pixels from 0 to 1."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels: torch.Tensor = images.float() / 255
        for layer in self:
            pixels = layer(pixels)
        return pixels


class Dense(nn.Module):
    """What reads the pixels as they are, by one layer without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.dense = nn.Linear(49, 10, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.dense(self.pool(images.float() / 255).flatten(1))
        return logits


MARGINS = Scaled(
    nn.Conv2d(1, 6, 3, stride=2, padding=(1, 2)),  # no ReLU: negative values, too
    nn.Conv2d(6, 12, (3, 2), groups=3),
    nn.ReLU(),
    nn.MaxPool2d(3, stride=2),
    nn.Flatten(),
    nn.Linear(12 * 5 * 6, 10),
)
MEANS = Scaled(
    nn.Conv2d(1, 8, 3),
    nn.ReLU(),
    nn.AvgPool2d(2),
    nn.Conv2d(8, 8, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(8, 10),
)


def int8_model(network: nn.Module) -> bytes:
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return serialize(quantize(classifier_graph(network), batches(NOISE[:, None])))


def compiled_logits(model: bytes, folder: Path) -> np.ndarray:
    source = write_c(read_layers(model, "a"), "lenet5", "")
    (folder / "lenet5.h").write_text(source.header)
    (folder / "lenet5.c").write_text(source.source)
    program = folder / "program"
    line = f"cc -std=c99 -Werror -Wall -I {folder} {MAIN} {folder / 'lenet5.c'}".split()
    sanitized = [*line, "-fsanitize=undefined,address", "-fno-sanitize-recover", "-o", str(program)]
    if subprocess.run(sanitized, capture_output=True).returncode:  # not every compiler has them
        subprocess.run([*line, "-o", str(program)], check=True)
    done = subprocess.run([program], input=NOISE.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<i4").reshape(len(NOISE), -1)[:, 1:] * PRECISION


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize(
    ("network", "units"),
    # onnxruntime computes means of floats, so that an activation may be rounded otherwise.
    [(MARGINS, 1), (MEANS, 0.02 / PRECISION), (Dense(), 0.02 / PRECISION)],
    ids=["margins", "means", "dense"],
)
def test_logits_are_onnxruntime_s(network: nn.Module, units: float, tmp_path: Path) -> None:
    model = int8_model(network)
    expected = integer_logits(model, NOISE)
    assert expected.std() > 0.1
    actual = compiled_logits(model, tmp_path)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=units * PRECISION)


def test_what_is_refused_is_named() -> None:
    large = Scaled(nn.Flatten(), nn.Linear(784, 3000), nn.ReLU(), nn.Linear(3000, 10))
    layers = read_layers(serialize(classifier_graph(large)), "a")
    exact = read_layers(serialize(classifier_graph(MEANS)), "a")
    with pytest.raises(ModelError, match="a isn't int8, which `digits export --quantize` makes"):
        write_c(exact, "a", "")
    with pytest.raises(ModelError, match="a as C would take 2,385,000 bytes of flash"):
        write_c(layers, "a", "")
    with pytest.raises(ModelError, match="it is a detector"):
        make_c(Path("a.onnx"), BUNDLED_DETECTOR)


REFUSED: dict[str, list[nn.Module]] = {
    "a has 2 softmax layers; as C it must end with the only one": [nn.Softmax(1)],
    "C has no pool over channels of several scales": [
        *(nn.Flatten(2), nn.Unflatten(1, (1, 4)), nn.MaxPool2d((4, 1))),
    ],
    "C has no sums of more than 32 bits": [
        *(nn.Conv2d(4, 1600, 3), nn.ReLU(), nn.Conv2d(1600, 4, 3), nn.AdaptiveAvgPool2d(1)),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("sentence", REFUSED)
def test_layers_that_c_lacks_are_named(sentence: str) -> None:
    network = Scaled(nn.Conv2d(1, 4, 5, stride=2), *REFUSED[sentence])
    network.extend([nn.Flatten(), nn.LazyLinear(10)])
    network(torch.tensor(NOISE[:1, None]))  # which completes the lazy layer
    with pytest.raises(ModelError) as refused:
        write_c(read_layers(int8_model(network), "a"), "a", "")
    assert str(refused.value) == sentence


def test_c_replaces_no_other_network_s(tmp_path: Path, run: Run) -> None:
    model, source = tmp_path / "a-b.onnx", tmp_path / "a_b.c"
    shutil.copy(BUNDLED, model)
    command = "export", model, "--format", "c"
    written = [str(tmp_path / name) for name in ("a_b.h", "a_b.c")]
    for _ in range(2):
        assert run(*command)[1].split() == written
    source.write_text("of a_b.onnx")
    assert run(*command) == (1, "", f"error: {source} exists, with other content: move it first\n")
    assert source.read_text() == "of a_b.onnx"
    assert run(*command, "--quantize")[0] == 2
