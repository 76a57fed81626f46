"""What the payload does as a whole, told in virtual time."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from flight_sw.inference import worker_messages
from flight_sw.radiation.outcome import PageOutcome

_spec = importlib.util.spec_from_file_location("stack", Path(__file__).with_name("stack.py"))
stack_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stack_module)
Stack = stack_module.Stack


@pytest.fixture
def stack():
    """A payload in SAFE, board off."""
    return Stack()


@pytest.fixture
def flying(stack):
    """A payload in NOMINAL with its model loaded."""
    stack.fly()
    assert stack.housekeeping[1]["mode"] == "NOMINAL"
    return stack


def golden_answer(stack, data=b"\1" * 8):
    return stack_module.hashlib.sha256(data + stack.golden.tobytes()).digest()


def test_payload_boots_into_safe_with_the_board_off(stack):
    """Without a telecommand the payload stays in SAFE and answers."""
    stack.run(5.0)
    assert stack.housekeeping[1]["mode"] == "SAFE"
    assert not stack.board_on
    stack.send("ping")
    stack.run(0.2)
    assert [name for name, _ in stack.reports] == ["accepted", "alive", "started", "done"]


def test_working_mode_powers_the_board_and_protects_the_model(flying):
    """NOMINAL switches the board on; the model's coverage comes down."""
    assert flying.board_on
    (model,) = flying.told("model")
    assert (model["coverage"], model["protected"]) == (1.0, True)
    assert "model-protected" in flying.events


def test_model_that_is_not_proven_is_said_to_be_unprotected(stack):
    """Coverage below the limit means DEGRADED, an event, and no protected jobs."""
    stack.coverage = 0.5
    stack.fly()
    assert "model-unprotected" in stack.events
    assert stack.housekeeping[1]["mode"] == "DEGRADED"
    stack.submit(1)
    stack.run(0.5)
    assert stack.told("failed")[-1]["reason"] == 18


@pytest.mark.parametrize("how", ["half proven", "digest wrong"])
def test_flip_that_falls_into_a_load_costs_a_second_load_and_not_the_protection(stack, how):
    """The runtime may have copied the damage, so the page is mended and the model loaded anew."""
    boot = stack.boot_board

    def boot_with_a_flip_in_the_first_load():
        boot()
        reply, loads = stack.worker._reply, []

        def spoiled(request):
            answer = reply(request)
            if not isinstance(request, worker_messages.Load):
                return answer
            loads.append(request)
            if len(loads) > 1:
                return answer
            stack.flip(100)
            if how == "half proven":
                return msgspec.structs.replace(answer, coverage=0.8)
            return worker_messages.LoadFailed(1, worker_messages.LoadFailure.DIGEST)

        stack.worker._reply = spoiled

    stack.boot_board = boot_with_a_flip_in_the_first_load
    stack.fly()
    assert "model-unprotected" not in stack.events
    assert "model-refused" not in stack.events
    assert stack.told("model")[-1]["protected"]
    assert "page-corrected" in stack.events
    assert stack.housekeeping[1]["mode"] == "NOMINAL"


def test_protected_job_waits_while_its_model_is_not_protected(flying):
    """Admitted before the board restarted, it is not run on weights that could not be proven."""
    flying.coverage = 0.5
    flying.send("power-cycle-board")
    flying.submit(1)
    flying.run(4.0)
    assert not flying.told("model")[-1]["protected"]
    assert flying.told("result") == []
    flying.worker.coverage = 1.0
    flying.send("restart-worker")
    flying.run(2.0)
    assert [result["output"] for result in flying.told("result")] == [golden_answer(flying)]


def test_job_is_answered_and_confirmed_by_a_clean_pass(flying):
    """One submitted job gives one result, then its confirmation."""
    flying.submit(7)
    flying.run(3.0)
    (result,) = flying.told("result")
    assert (result["job"], result["attempt"]) == (7, 1)
    assert result["output"] == golden_answer(flying)
    assert flying.told("job-confirmed") == [{"job": 7, "attempt": 1}]
    assert flying.housekeeping[1]["jobs_unconfirmed"] == 0


def test_flip_before_a_job_is_corrected_and_the_answer_rerun(flying):
    """An answer computed with a flipped weight is withdrawn and the job runs again, right."""
    flying.send("set-parameter", parameter="scrub_pass", value=3600.0)
    flying.run(0.3)
    flying.flip(5000, 3)
    flying.submit(1)
    flying.run(0.5)
    (wrong,) = flying.told("result")
    assert wrong["output"] != golden_answer(flying)
    flying.send("scrub-now")
    flying.run(1.0)
    assert flying.told("withdrawal") == [{"job": 1, "attempt": 1}]
    assert flying.told("result")[-1]["output"] == golden_answer(flying)
    assert flying.told("result")[-1]["attempt"] == 2
    assert "page-corrected" in flying.events
    assert (flying.weights == flying.golden).all()


def test_double_flip_in_one_column_is_rebuilt_from_the_golden_copy(flying):
    """What check bytes cannot correct comes back from the golden copy."""
    flying.flip(100, 1)
    flying.flip(164, 1)
    flying.run(2.0)
    assert "page-rebuilt" in flying.events
    assert (flying.weights == flying.golden).all()


def test_stuck_page_is_told_once_as_retired(flying, monkeypatch):
    """A page that keeps no repair has an event of its own, said once; it is not called lost."""
    region = flying.node._models.parts[1].region
    sound = region._set.scrub_slice

    def stuck(first, count, depth, limit):
        flying.flip(5000, 3)  # back after every look
        events, done = sound(first, count, depth, limit)
        return [replace(event, outcome=PageOutcome.STUCK) for event in events], done

    monkeypatch.setattr(region._set, "scrub_slice", stuck)
    flying.run(5.0)
    assert flying.events.count("page-retired") == 1
    assert "page-lost" not in flying.events


def test_switched_off_scrub_leaves_damage_in_place(flying):
    """With scrub_enabled 0 a flip stays, and answers are silently wrong: the rig can see failure."""
    flying.send("set-parameter", parameter="scrub_enabled", value=0)
    flying.run(0.5)
    flying.flip(5000, 3)
    flying.submit(1, protection="none")
    flying.run(3.0)
    (result,) = flying.told("result")
    assert result["output"] != golden_answer(flying)
    assert flying.told("withdrawal") == []


@pytest.mark.parametrize("way", ["crash", "hang"])
def test_worker_fault_costs_a_restart_and_no_job(flying, way):
    """A worker that dies or stops in a job is restarted and the job answered once."""
    if way == "crash":
        flying.worker.alive = False
    else:
        flying.worker.stopped = True
    flying.submit(1)
    flying.run(8.0)
    assert "worker-restarted" in flying.events
    assert [result["job"] for result in flying.told("result")] == [1]
    assert flying.told("job-confirmed")[-1]["job"] == 1


def test_hung_board_is_power_cycled_and_its_jobs_answered(flying):
    """A board that hangs through a reset is power-cycled; unconfirmed work is done again."""
    for job in range(4):
        flying.submit(job)
    flying.run(0.1)
    flying.board_frozen = True
    flying.run(12.0)
    assert flying.controller.mode.name == "NOMINAL"
    assert [rung for rung in flying.sentences if rung.startswith("Recovery")] == [
        "Recovery: reset-board",
        "Recovery: power-cycle",
    ]
    assert sorted({item["job"] for item in flying.told("job-confirmed")}) == [0, 1, 2, 3]


def test_dead_board_ends_in_safe(flying):
    """A board that never comes back leads to SAFE, where the payload still answers."""
    flying.board_frozen = True
    flying._switch = lambda *, on: None
    flying.boot_board = lambda: None
    flying.run(30.0)
    assert flying.controller.mode.name == "SAFE"
    flying.send("ping")
    flying.run(0.2)
    assert flying.told("alive")


def test_heat_throttles_and_coolness_releases(flying):
    """Above the soft limit the clock goes down step by step, below release it comes back."""
    flying.temp_c = 82.0
    flying.run(5.0)
    assert flying.housekeeping[1]["frequency"] == 600
    assert flying.controller.mode.name == "DEGRADED"
    flying.temp_c = 60.0
    flying.run(6.0)
    assert flying.housekeeping[1]["frequency"] == 1800
    assert flying.controller.mode.name == "NOMINAL"


def test_dead_temperature_sensor_throttles_down(flying):
    """Without a believable temperature the board goes to its coolest level."""
    flying.temp_c = None
    flying.run(8.0)
    assert flying.housekeeping[1]["frequency"] == 600
    assert "throttled-blind" in flying.events


def test_what_a_hanging_sensor_said_last_is_not_told_as_new(flying):
    """Nothing is read any more: within seconds the temperature is unknown, not the one of before."""
    flying.sensors_hang = True
    flying.run(3.5)
    assert "throttled-blind" in flying.events
    assert not flying.housekeeping[1]["temp_known"]


def test_replay_is_refused_also_after_a_restart(flying):
    """The last telecommand, sent again, is refused: at once, and by the next boot."""
    frame = flying.send("ping")
    flying.run(0.2)
    answered = len(flying.told("alive"))
    flying.inject(frame)
    flying.run(1.5)
    assert len(flying.told("alive")) == answered
    flying.boot_controller()
    flying.run(0.5)
    flying.inject(frame)
    flying.run(1.5)
    assert len(flying.told("alive")) == answered
    assert flying.housekeeping[2]["frames_refused"] == 1
    flying.send("report-housekeeping", structure=4)
    flying.sender.security.jump_to(flying.housekeeping[2]["tc_counter_next"])
    flying.send("report-housekeeping", structure=4)
    flying.run(0.2)
    assert flying.housekeeping[4]["frames_refused_replay"] >= 1
    assert any("REPLAY" in sentence for sentence in flying.sentences)


def test_ground_commands_again_after_a_restart_by_jumping_ahead(flying):
    """Housekeeping names the next counter; a ground that jumps there is heard."""
    flying.boot_controller()
    flying.run(1.5)
    flying.sender.security.jump_to(flying.housekeeping[2]["tc_counter_next"])
    flying.send("ping")
    flying.run(0.3)
    assert flying.told("alive")


def test_unknown_command_and_bad_argument_are_rejected_with_a_reason(flying):
    """What the dictionary does not know is answered, not executed."""
    packet = stack_module.Telecommand(flying.profile.spacecraft.apid, 99, 77, 7, b"")
    flying._store(flying.sender.security)
    flying.inject(flying.sender.encode(packet))
    flying.run(0.2)
    assert flying.told("not-accepted")[-1]["reason"] == 1
    packet = stack_module.Telecommand(flying.profile.spacecraft.apid, 100, 20, 3, b"\xff")
    flying.inject(flying.sender.encode(packet))
    flying.run(0.2)
    assert flying.told("not-accepted")[-1]["reason"] == 2


def test_jobs_are_refused_in_safe(stack):
    """SAFE runs no models."""
    stack.run(0.5)
    stack.submit(1)
    stack.run(0.2)
    assert stack.told("not-accepted")[-1]["reason"] == 3


def test_input_of_wrong_size_is_refused(flying):
    """The shape is checked before the board hears of the job."""
    flying.submit(1, data=b"\1" * 7)
    flying.run(0.3)
    assert flying.told("failed")[-1]["reason"] == 5


def test_job_number_is_used_once(flying):
    """A second job under the same number is refused."""
    flying.submit(1)
    flying.submit(1)
    flying.run(0.5)
    assert flying.told("failed")[-1]["reason"] == 12
    assert len(flying.told("result")) == 1


def test_restarted_controller_finds_its_board_again(flying):
    """A new controller takes a running board over: its jobs are answered."""
    flying.boot_controller()
    flying.run(0.5)
    flying.sender.security.jump_to(flying.housekeeping[2]["tc_counter_next"])
    flying.send("set-mode", mode="NOMINAL")
    flying.run(3.0)
    flying.submit(5)
    flying.run(2.0)
    assert [item["job"] for item in flying.told("job-confirmed")] == [5]
