"""What flies: models in slots, jobs from a seed or from files, and what the answers say."""

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from flight_sw.errors import ModelError
from hil.applications.opssat import FEATURES
from hil.campaign.segments import draw_segment
from hil.campaign.workload import golden_answers, make_workload, say_result, scores
from hil.kernel import stream
from hil.scenario import JobBatch, load_scenario

SMALL = msgspec.structs.replace(
    load_scenario("first-light"),
    jobs=(
        JobBatch(at_s=0.5, model="telemetry-anomaly", count=4, over_s=2),
        JobBatch(at_s=1.0, model="hotspot", count=2, over_s=2),
    ),
)


@pytest.fixture
def own_model(tmp_path):
    """A user's model: two numbers in, a weighted sum out."""

    def make(width=2):
        weights = helper.make_tensor("w", TensorProto.FLOAT, (width, 1), [2.0] * width)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "mine",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, width))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 1))],
            [weights],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        path = tmp_path / "mine.onnx"
        onnx.save(model, str(path))
        return path

    return make


def test_jobs_follow_the_scenario_and_the_seed():
    """Each batch has its model, its pace and its own inputs; the same seed gives the same bytes."""
    one, same = make_workload(SMALL, 7, None, None), make_workload(SMALL, 7, None, None)
    other = make_workload(SMALL, 8, None, None)
    assert [job.id for job in one.jobs] == [1, 2, 3, 4, 5, 6]
    assert [job.slot for job in one.jobs] == [1, 1, 1, 1, 2, 2]
    assert [job.at_s for job in one.jobs] == [0.5, 1.0, 1.5, 2.0, 1.0, 2.0]
    assert one.jobs == same.jobs
    assert all(a.input != b.input for a, b in zip(one.jobs, other.jobs, strict=True))


def test_every_job_has_a_golden_answer_that_can_be_put_into_words():
    """The twin answers what flies, in the size that the model declares."""
    workload = make_workload(SMALL, 7, None, None)
    golden = golden_answers(workload)
    assert sorted(golden) == [job.id for job in workload.jobs]
    words = [say_result(workload.model(job.slot), golden[job.id]) for job in workload.jobs]
    assert all(word.startswith(("anomaly", "nominal")) for word in words[:4])
    assert all("of 4096 above the threshold" in word for word in words[4:])


def test_a_model_of_ones_own_takes_the_place_of_the_scenarios(own_model):
    """Without an input it gets seeded numbers of its declared shape."""
    workload = make_workload(SMALL, 7, str(own_model()), None)
    assert [model.name for model in workload.models] == ["mine"]
    assert len(workload.jobs) == 6
    assert {len(job.input) for job in workload.jobs} == {8}
    assert len({job.input for job in workload.jobs}) == 6
    assert say_result(workload.models[0], golden_answers(workload)[1])


def test_labelled_rows_are_scored_by_the_models_threshold(tmp_path):
    """Rows of the training part are left out; labels come from the table."""
    table = tmp_path / "rows.csv"
    names = ",".join((*FEATURES, "anomaly", "train"))
    row = ",".join(["1.5"] * len(FEATURES))
    table.write_text(f"{names}\n{row},1,0\n{row},0,0\n{row},1,1\n")
    workload = make_workload(SMALL, 7, "telemetry-anomaly", table)
    assert workload.labels == {1: 1, 2: 0}
    result = scores(workload, golden_answers(workload))
    assert result["n"] == 2
    assert set(result) == {"f1", "average_precision", "n"}
    assert scores(workload, {}) == {}


def test_an_input_for_two_models_asks_which(tmp_path):
    """The message says what to add."""
    with pytest.raises(ModelError, match="--model"):
        make_workload(SMALL, 7, None, tmp_path)


def test_a_model_whose_input_fits_no_telecommand_says_so(own_model):
    """One job is one telecommand."""
    with pytest.raises(ModelError, match="does not fit one telecommand"):
        make_workload(SMALL, 7, str(own_model(width=20_000)), None)


def test_drawn_segments_are_finite_and_of_both_kinds_of_sampling():
    """They feed the model what its training saw the like of."""
    chance = stream(1, "test")
    rows = np.array([draw_segment(chance) for _ in range(200)])
    assert rows.shape == (200, len(FEATURES))
    assert np.isfinite(rows).all()
    seconds_a_sample = rows[:, 0] / (rows[:, 1] - 1)
    assert set(seconds_a_sample.round(3)) == {1.0, 5.0}
