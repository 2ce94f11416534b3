"""The convolution for small maps beside PyTorch's."""

import pytest
import torch
from torch import Tensor, nn

from digits_train.models.conv import SmallMapConv2d

SIZES = [(1, 1), (2, 2), (4, 4), (3, 5)]


def both(dtype: torch.dtype = torch.float32) -> tuple[SmallMapConv2d, nn.Conv2d]:
    """The two with the same weights."""
    torch.manual_seed(0)
    ours = SmallMapConv2d(32, 48).to(dtype=dtype)
    theirs = nn.Conv2d(32, 48, 3, padding=1, bias=False, dtype=dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def outcome(layer: nn.Module, size: tuple[int, int], bfloat16: bool = False) -> list[Tensor]:
    """What it makes of random maps, and its gradients with respect to them and to its weights."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 32, *size, generator=generator).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        result = layer(maps)
    result.backward(torch.randn(result.shape, generator=generator).to(result.dtype))
    weight = next(layer.parameters())
    assert maps.grad is not None
    assert weight.grad is not None
    return [result.detach(), maps.grad, weight.grad]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_the_convolution(size: tuple[int, int], layout: torch.memory_format) -> None:
    ours, theirs = (layer.to(memory_format=layout) for layer in both())  # type: ignore[call-overload]
    torch.testing.assert_close(outcome(ours, size), outcome(theirs, size), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_in_bfloat16(size: tuple[int, int]) -> None:
    ours, theirs = both()
    found, expected = outcome(ours, size, True), outcome(theirs, size, True)
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    assert found[0].dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=2**-7)


def test_its_gradient_is_that_of_its_result() -> None:
    layer = SmallMapConv2d(2, 3).double()
    maps = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (maps,))


def test_it_computes_the_same_every_time() -> None:
    ours, _ = both()
    first = [tensor.clone() for tensor in outcome(ours, (4, 4), True)]
    ours.zero_grad()
    assert all(map(torch.equal, first, outcome(ours, (4, 4), True)))


def test_it_starts_from_the_same_weights_as_the_convolution() -> None:
    torch.manual_seed(0)
    ours = SmallMapConv2d(4, 6)
    torch.manual_seed(0)
    theirs = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    assert torch.equal(ours.weight, theirs.weight)
    assert list(ours.state_dict()) == ["weight"]


def test_a_bias_that_batch_norm_left_is_added() -> None:
    ours, theirs = both()
    ours.bias = nn.Parameter(torch.ones(48))
    maps = torch.randn(3, 32, 2, 2)
    torch.testing.assert_close(ours(maps), theirs(maps) + 1)


def test_on_other_devices_it_is_left_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("digits_train.models.conv._Convolution")
    assert SmallMapConv2d(4, 6).to("meta")(torch.empty(3, 4, 2, 2, device="meta")).shape[1] == 6


@pytest.mark.slow
@pytest.mark.parametrize("bfloat16", [False, True])
def test_it_can_be_compiled(bfloat16: bool) -> None:
    ours, theirs = both()
    compiled = outcome(torch.compile(ours), (4, 4), bfloat16)  # type: ignore[arg-type]
    torch.testing.assert_close(compiled, outcome(theirs, (4, 4), bfloat16), rtol=2**-7, atol=2**-7)
