import pytest
import torch

from digits.errors import ModelError
from digits.mnist import Split
from digits.model import open_session
from digits_export import graph, verify
from digits_train.models import LeNet5, Network


def test_a_small_disagreement_is_found_and_named(network: Network, test_slice: Split) -> None:
    changed = LeNet5().eval()
    changed.load_state_dict(network.state_dict())
    with torch.no_grad():
        changed.get_submodule("fc3").bias[4] += 0.01
    session = open_session(graph.build(network).SerializeToString(), "float")
    with pytest.raises(
        ModelError, match=r"disagrees with the checkpoint: on image \d+ of \d+, the prob"
    ):
        verify.check_parity(session, changed, 1.0, test_slice.images)


def test_numbers_that_are_none_are_found(network: Network, test_slice: Split) -> None:
    broken = LeNet5().eval()
    with torch.no_grad():
        broken.get_submodule("fc1").weight.fill_(float("nan"))
    session = open_session(graph.build(broken).SerializeToString(), "float")
    with pytest.raises(ModelError, match="disagrees"):
        verify.check_parity(session, network, 1.0, test_slice.images)


def test_an_invalid_graph_is_found(network: Network) -> None:
    for change in ("nowhere", "images"):
        model = graph.build(network)
        model.graph.node[3].input[0] = change
        with pytest.raises(ModelError, match="not valid ONNX"):
            verify.check_graph(model)
