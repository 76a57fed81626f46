"""The networks that ship are those that the training scripts build."""

import numpy as np
import onnx
import pytest

from hil.applications.models import find_model

torch = pytest.importorskip("torch", reason="training is an extra: pip install 'vanallen[train]'")


def _shape(path):
    """Operators in order, and name, shape and position of every weight."""
    graph = onnx.load(str(path)).graph
    weights = sorted((tensor.name, tuple(tensor.dims)) for tensor in graph.initializer)
    return [node.op_type for node in graph.node], weights


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, for the older exporter
@pytest.mark.parametrize(
    ("name", "planes", "ends"),
    [("hotspot", 2, ("scene", "probability")), ("cloud-mask", 3, ("image", "probability"))],
)
def test_the_builder_gives_the_graph_that_ships(tmp_path, name, planes, ends):
    """Same operators, names and shapes; only training makes the numbers."""
    from hil.training import cloud_mask, hotspot
    from hil.training.export import export_onnx

    build = {"hotspot": hotspot.network, "cloud-mask": cloud_mask.network}[name]
    path = tmp_path / "built.onnx"
    export_onnx(build().eval(), torch.zeros(1, planes, 64, 64), path, ends)
    assert _shape(path) == _shape(find_model(name))


def test_the_same_seed_teaches_the_same_weights():
    """And another seed others: the lesson is learnt at all."""
    from hil.training.pixel_network import Lesson, PixelNetwork, train

    chance = np.random.default_rng(1)
    images = torch.tensor(chance.normal(size=(8, 2, 16, 16)).astype(np.float32))
    lesson = Lesson(images, (images[:, 0] > 0).float(), torch.ones(8, 16, 16, dtype=torch.bool))

    def learnt(seed):
        torch.manual_seed(seed)
        model = train(PixelNetwork(2, (1, 2)), lesson, epochs=1)
        return torch.cat([weight.flatten() for weight in model.parameters()]).detach()

    assert torch.equal(learnt(1), learnt(1))
    assert not torch.equal(learnt(1), learnt(2))
