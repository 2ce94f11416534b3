"""The convolution for small feature maps compared with PyTorch's."""

import pytest
import torch
from torch import Tensor, nn

from digits_train.models import conv
from digits_train.models.conv import MIN_BATCH, SmallMapConv2d


def both() -> tuple[SmallMapConv2d, nn.Conv2d]:
    """Our layer and PyTorch's with the same weights."""
    torch.manual_seed(0)
    ours = SmallMapConv2d(32, 48)
    torch.manual_seed(0)
    theirs = nn.Conv2d(32, 48, 3, padding=1, bias=False)
    assert torch.equal(ours.weight, theirs.weight)
    assert list(ours.state_dict()) == ["weight"]
    return ours, theirs


def outcome(layer: nn.Module, size: tuple[int, int]) -> list[Tensor]:
    """The output for random feature maps, and the gradients of the maps and the weights."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(MIN_BATCH, 32, *size, generator=generator).requires_grad_()
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
    monkeypatch.setattr(conv, "HAS_AMX", True)


@pytest.mark.usefixtures("amx")
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 4), (3, 5)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_convolution_and_is_deterministic(
    size: tuple[int, int], layout: torch.memory_format
) -> None:
    ours, theirs = (layer.to(memory_format=layout) for layer in both())  # type: ignore[call-overload]
    tensors, expected = outcome(ours, size), outcome(theirs, size)
    assert [tensor.dtype for tensor in tensors] == [tensor.dtype for tensor in expected]
    assert tensors[0].dtype == torch.bfloat16
    for tensor, like in zip(tensors, expected, strict=True):
        assert (tensor - like).abs().max() <= 2**-7 * like.abs().max()
    first = [tensor.clone() for tensor in tensors]
    ours.zero_grad()
    assert all(map(torch.equal, first, outcome(ours, size)))


@pytest.mark.usefixtures("amx")
def test_adds_folded_bias() -> None:
    ours, theirs = both()
    maps = torch.randn(MIN_BATCH, 32, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        without = ours(maps)
        ours.bias = nn.Parameter(torch.ones(48))
        torch.testing.assert_close(ours(maps), theirs(maps) + 1, rtol=2**-6, atol=2**-6)
        assert not torch.allclose(without, ours(maps), atol=0.5)


@pytest.mark.parametrize(
    ("has_amx", "mixed", "batch"),
    [(False, True, MIN_BATCH), (True, False, MIN_BATCH), (True, True, 1)],
)
def test_is_pytorchs_where_that_is_faster(
    monkeypatch: pytest.MonkeyPatch, has_amx: bool, mixed: bool, batch: int
) -> None:
    monkeypatch.setattr(conv, "HAS_AMX", has_amx)
    ours, theirs = both()
    maps = torch.randn(batch, 32, 2, 2)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        assert torch.equal(ours(maps), theirs(maps))
