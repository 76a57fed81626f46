"""First light flies guarded models, and their golden twin is the guarded graph."""

import pytest

from flight_sw.inference.bundle import Guarding, Part, parts_of
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.load import load_live
from flight_sw.inference.tensors import pack, unpack
from flight_sw.radiation.native import crc32c
from hil.applications.golden import GoldenTwin
from hil.board_files import read_board
from hil.campaign.board_kind import guards_for
from hil.campaign.workload import make_workload
from hil.scenario import load_scenario


@pytest.fixture(scope="module")
def workload():
    """Models and jobs of first light."""
    return make_workload(load_scenario("first-light"), 5, None, None)


def test_shipped_models_fly_with_the_guards_of_standard(workload):
    """Each of them, with the same usual inputs every time: the cache finds them again."""
    profile = read_board("emulated")
    guards = guards_for(profile, workload, "standard")
    assert sorted(guards) == [model.slot for model in workload.models]
    again = guards_for(profile, workload, "standard")
    assert {slot: one.key for slot, one in guards.items()} == {s: g.key for s, g in again.items()}
    assert guards_for(profile, workload, "none") == {}


def test_an_input_beyond_calibration_gets_the_answer_of_the_guarded_graph(workload, tmp_path):
    """A clip changed the answer of one job in two hundred, and a fault was called silent for it."""
    jobs = [job for job in workload.jobs if job.slot == 1]
    model = workload.model(1)
    usual = unpack(model.description.inputs, jobs[0].input)
    guarding = Guarding((usual,), is_summed=False)
    manifest, _ = compile_bundle(model.path, tmp_path / "compiled", crc32c, guarding)
    places = parts_of(tmp_path / "compiled", manifest)
    assert set(places) == {Part.PLAIN, Part.RANGE}
    flown = load_live(places[Part.RANGE])
    twin, plain = GoldenTwin(model.path, guarding), GoldenTwin(model.path)
    changed = 0
    for job in jobs:
        answer = pack(flown.run(unpack(manifest.inputs, job.input)))
        assert answer == twin.answer(job.input)
        changed += answer != plain.answer(job.input)
    assert changed > 0
