"""The convolution for small feature maps compared with PyTorch's."""

import pytest
import torch
from torch import Tensor, nn

from digits_train.models import conv
from digits_train.models.conv import SmallMapConv2d

SIZES = [(1, 1), (2, 2), (4, 4), (3, 5)]


def both(dtype: torch.dtype = torch.float32) -> tuple[SmallMapConv2d, nn.Conv2d]:
    """Our layer and PyTorch's with the same weights."""
    torch.manual_seed(0)
    ours = SmallMapConv2d(32, 48).to(dtype=dtype)
    theirs = nn.Conv2d(32, 48, 3, padding=1, bias=False, dtype=dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def outcome(layer: nn.Module, size: tuple[int, int]) -> list[Tensor]:
    """The output for random feature maps, and the gradients of the maps and the weights."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(conv._BATCH, 32, *size, generator=generator).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(maps)
    result.backward(torch.randn(result.shape, generator=generator).to(result.dtype))
    weight = next(layer.parameters())
    assert maps.grad is not None
    assert weight.grad is not None
    return [result.detach(), maps.grad, weight.grad]


@pytest.fixture
def amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the processor has AMX, where the matrix product is faster."""
    monkeypatch.setattr(conv, "_AMX", True)


@pytest.mark.usefixtures("amx")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_convolution(size: tuple[int, int], layout: torch.memory_format) -> None:
    ours, theirs = (layer.to(memory_format=layout) for layer in both())  # type: ignore[call-overload]
    found, expected = outcome(ours, size), outcome(theirs, size)
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    assert found[0].dtype == torch.bfloat16
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= 2**-7 * other.abs().max()


@pytest.mark.parametrize("size", SIZES)
def test_product_equals_convolution_in_float32(size: tuple[int, int]) -> None:
    ours, theirs = both()
    maps = torch.randn(3, 32, *size)
    found = conv._Convolution.apply(maps, ours.weight)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, theirs(maps), rtol=1e-5, atol=1e-5)


def test_gradient() -> None:
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    maps = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv._Convolution.apply, (maps, weight))


@pytest.mark.usefixtures("amx")
def test_is_deterministic() -> None:
    ours, _ = both()
    first = [tensor.clone() for tensor in outcome(ours, (4, 4))]
    ours.zero_grad()
    assert all(map(torch.equal, first, outcome(ours, (4, 4))))


def test_has_initial_weights_of_convolution() -> None:
    torch.manual_seed(0)
    ours = SmallMapConv2d(4, 6)
    torch.manual_seed(0)
    theirs = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    assert torch.equal(ours.weight, theirs.weight)
    assert list(ours.state_dict()) == ["weight"]


@pytest.mark.usefixtures("amx")
def test_adds_folded_bias() -> None:
    ours, theirs = both()
    maps = torch.randn(conv._BATCH, 32, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        without = ours(maps)
        ours.bias = nn.Parameter(torch.ones(48))
        torch.testing.assert_close(ours(maps), theirs(maps) + 1, rtol=2**-6, atol=2**-6)
        assert not torch.allclose(without, ours(maps), atol=0.5)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_uses_pytorch_where_faster(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "_AMX", device == "meta")
    monkeypatch.delattr(conv, "_Convolution")
    with torch.autocast("cpu", torch.bfloat16):
        maps = torch.empty(conv._BATCH, 4, 2, 2, device=device)
        assert SmallMapConv2d(4, 6).to(device)(maps).shape[1] == 6


@pytest.mark.slow
@pytest.mark.usefixtures("amx")
def test_can_be_compiled() -> None:
    ours, theirs = both()
    compiled = outcome(torch.compile(ours), (4, 4))  # type: ignore[arg-type]
    for one, other in zip(compiled, outcome(theirs, (4, 4)), strict=True):
        assert (one - other).abs().max() <= 2**-7 * other.abs().max()
