"""A model goes up to a flying payload: real processes, a real serial line, a real link."""

import pytest

from flight_sw.inference.bundle import Guarding
from flight_sw.inference.compiled import compile_bundle
from flight_sw.radiation.native import crc32c
from hil.applications.models import find_model
from hil.board_files import find_board, read_board
from hil.campaign.folder import make_folder
from hil.campaign.stack import Setup, start_stack
from hil.ground.reports import EventReport, ModelReport
from hil.model_upload import UpdateNotKept, Upload, pack_model, upload


def _at_work(ground):
    """A board that was off in SAFE still boots after the order, and takes no model until it is up."""
    sample = ground.housekeeping()
    return sample is not None and sample.values["mode"] == "NOMINAL"


def test_a_model_goes_up_serves_and_another_shape_is_refused(tmp_path):
    """Beside the model that flies; the memory map of the board names both."""
    source = find_model("telemetry-anomaly")
    compile_bundle(source, tmp_path / "compiled", crc32c, Guarding())
    update = pack_model(source, Guarding())
    setup = Setup(
        folder=make_folder(tmp_path / "run", "", "", 1),
        profile_file=find_board("emulated"),
        profile=read_board("emulated"),
        compiled={1: tmp_path / "compiled"},
        seed=1,
        time_scale=1.0,
    )
    said = []
    with start_stack(setup) as stack:
        ground = stack.ground
        ground.send("set-mode", mode="NOMINAL").done()
        ground.expect(event="model-protected", within_s=60)
        assert ground.wait_until(lambda: _at_work(ground), 60), "the board never came to work"
        upload(ground, update, Upload(slot=2, file=1, within_s=60, keep=True), said.append)
        ground.send("report-models").done()
        ground.expect(ModelReport, where=lambda model: model.slot == 2, within_s=30, fresh=False)
        names = {region.name for region in stack.rig.regions()}
        assert {"weights:telemetry-anomaly", "weights:telemetry-anomaly@2"} <= names
        with pytest.raises(UpdateNotKept, match="WRONG_SHAPE"):
            upload(
                ground,
                pack_model(find_model("hotspot"), Guarding()),
                Upload(2, 1, 60, True),
                said.append,
            )
        silent = [one for one in ground.reports if isinstance(one, EventReport)]
        assert "board-silent" not in {one.name for one in silent}
    assert said[2].endswith("confirmed")
