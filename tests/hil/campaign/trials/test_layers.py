"""Failures are told by the layer that the user trained, whatever the runtime calls its copies."""

import onnx

from flight_sw.inference.job import Protection
from hil.campaign.trials.kit import open_kit
from hil.campaign.trials.plan import Cell, Plan, Shard
from hil.campaign.trials.report import render
from hil.campaign.trials.shards import ShardFile
from hil.campaign.trials.table import make_table
from hil.campaign.trials.trial import Trial
from hil.faults.classes import FaultClass


def test_every_live_weight_is_told_by_the_users_own_name() -> None:
    """Each tensor that hotspot's convolutions compute with is an initializer of its own file."""
    with open_kit("hotspot", "emulated", Protection.STANDARD) as kit:
        theirs = {one.name for one in onnx.load(kit.source).graph.initializer}
        for region, blobs in kit.blobs.items():
            named = [kit.layers[region][blob.name] for blob in blobs]
            assert set(named) <= theirs
            assert len(set(named)) == len(named)
            assert "layers.2.weight" in named


def test_weights_that_only_a_guard_has_keep_their_name() -> None:
    """A checksum's own weights are no layer of the user's model."""
    with open_kit("telemetry-anomaly", "emulated", Protection.HIGH) as kit:
        (region,) = (name for name in kit.layers if name.endswith("checksum"))
        names = kit.layers[region]
    assert names["va_clip_low"] == "va_clip_low"
    assert names["layers.2.weight"] == "layers.2.weight"


def test_the_page_divides_failures_by_region_layer_and_bit() -> None:
    """The stratum that fails is in the page with its bound; a folded table for each cell."""
    plan = Plan(faults=("seu",), n=3, brisk=True)
    cell = Cell(FaultClass.SEU, Protection.STANDARD)
    trials = tuple(
        Trial(i, "weight-flip", "silent" if i == 2 else "corrected", "", "weights:m", layer, bit)
        for i, (layer, bit) in enumerate([("conv1", 3), ("conv1", 30), ("conv2", 30)])
    )
    shard = Shard(cell, 0, 3)
    found = {shard: ShardFile(plan.digest, shard.name, 0, 3, 0.1, trials)}
    page = render(plan, found, make_table(plan, found))
    assert "<th>layer</th>" in page
    assert "<th>bit</th>" in page
    assert '<td>conv2</td><td>1</td><td class="bad">1</td>' in page
    assert ":2 --brisk</code>" in page
    assert "models load in a tenth of a second" in page
