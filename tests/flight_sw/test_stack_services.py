"""The on-board services in the whole payload: over the link, with the board, through restarts."""

import hashlib
import importlib.util
from pathlib import Path

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Step, pack_steps
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.radiation.native import crc32c

_spec = importlib.util.spec_from_file_location("stack", Path(__file__).with_name("stack.py"))
stack_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stack_module)
Stack = stack_module.Stack

ANY = 0xFFFF_FFFF
WEIGHTS = "weights:model"


@pytest.fixture
def stack():
    stack = Stack()
    stack.run(0.3)
    return stack


@pytest.fixture
def flying(stack):
    stack.fly()
    return stack


def last_reason(stack, kind="failed"):
    return Reason(stack.told(kind)[-1]["reason"])


def upload(stack, command, transaction=1, part_bytes=20_000):
    """A telecommand by ST[13]."""
    content = bytes([command.service, command.subtype]) + command.data
    pieces = [content[i : i + part_bytes] for i in range(0, len(content), part_bytes)]
    stack.send("first-part", transaction=transaction, size=len(content), data=pieces[0])
    for part, piece in enumerate(pieces[1:], 1):
        name = "last-part" if part == len(pieces) - 1 else "middle-part"
        stack.send(name, transaction=transaction, part=part, data=piece)
        stack.run(0.1)


def test_monitor_violation_runs_its_event_action(flying):
    """Heat over a limit, three readings in a row, and the payload scrubs by itself."""
    monitor = {"parameter": "temp", "kind": "limits", "low": 0.0, "high": 60.0}
    flying.send("add-monitor", monitor=3, repetitions=3, period=0.2, **monitor)
    body = flying.telecommand("set-parameter", parameter="scrub_pass", value=0.5).pack()
    flying.send("add-action", action=1, event="monitor-violated", source=3, packet=body)
    flying.run(1.0)
    assert "monitor-violated" not in flying.events
    flying.temp_c = 70.0
    flying.run(4.0)
    assert "monitor-violated" in flying.events
    assert flying.events.count("action-run") == 1
    assert [t["after"] for t in flying.told("monitor-transition")] == ["OK", "HIGH"]
    flying.send("report-parameter", parameter="scrub_pass")
    flying.run(0.2)
    assert flying.told("parameter")[-1]["value"] == 0.5


def test_readings_of_a_board_that_is_off_are_no_violation(stack):
    """In SAFE there is no temperature: the monitor says INVALID and nothing acts."""
    monitor = {"parameter": "temp", "kind": "limits", "low": 10.0, "high": 60.0}
    stack.send("add-monitor", monitor=1, repetitions=1, period=0.2, **monitor)
    stack.run(2.0)
    assert [t["after"] for t in stack.told("monitor-transition")] == ["INVALID"]
    assert "monitor-violated" not in stack.events


def test_action_that_raises_its_own_event_does_not_run_away(flying):
    """Mode changes that change the mode: at most one a second, and told."""
    to_safe = flying.telecommand("set-mode", mode="SAFE").pack()
    to_work = flying.telecommand("set-mode", mode="NOMINAL").pack()
    flying.send("add-action", action=1, event="mode-changed", source=ANY, packet=to_safe)
    flying.send("add-action", action=2, event="mode-changed", source=ANY, packet=to_work)
    flying.send("set-mode", mode="SAFE")
    flying.run(5.0)
    flying.send("report-housekeeping", structure=3)
    flying.run(0.2)
    assert 0 < flying.housekeeping[3]["actions_run"] <= 12
    flying.send("ping")
    flying.run(0.2)
    assert flying.told("alive")


def test_job_larger_than_a_packet_goes_up_and_its_result_comes_down(stack):
    """200 KB in, 160 KB out, by parts both ways."""
    stack.sizes = (50_000, 40_000)
    stack.fly()
    data = bytes(range(250)) * 800
    job = {"job": 1, "model": 1, "protection": "standard", "priority": 1, "deadline": 60.0}
    upload(stack, stack.telecommand("cancel-job", job=9), part_bytes=4)
    assert last_reason(stack) is Reason.NO_SUCH_JOB
    command = BY_NAME["submit-job"]
    whole = command.encode({**job, "input": data})
    upload(stack, stack_module.Telecommand(5, 0, command.service, command.subtype, whole))
    stack.run(20.0)
    parts = [
        v["data"]
        for kind in ("large-first", "large-middle", "large-last")
        for v in stack.told(kind)
    ]
    result = b"".join(parts)
    expected = hashlib.sha256(data + stack.golden.tobytes()).digest() * 5000
    assert result[:2] == bytes([130, 129])
    assert result.endswith(expected)
    assert stack.told("job-confirmed") == [{"job": 1, "attempt": 1}]


def test_stored_events_come_down_again(flying):
    """Telemetry that nobody heard is fetched by time, after a restart of the controller too."""
    flying.send("retrieve-store", store="events", since=0.0, until=1e10)
    flying.run(0.5)
    assert flying.events.count("mode-changed") >= 4  # SAFE and NOMINAL, each twice
    flying.run(31.0)  # stores become durable
    flying.reboot()
    flying.events.clear()
    until = 1_800_000_010.0
    flying.send("retrieve-store", store="events", since=0.0, until=until)
    flying.run(0.5)
    assert "board-up" in flying.events
    assert "retrieval-done" in flying.events
    flying.send("report-stores")
    flying.run(0.2)
    assert {v["store"] for v in flying.told("store-state")} == {"events", "housekeeping", "results"}


def test_definitions_survive_a_restart(stack):
    """Structure, monitor, action, sequence, parameter, filter and file are there again."""
    body = stack.telecommand("ping").pack()
    stack.send("create-structure", structure=16, period=0.5, parameters="mode,event_rate")
    stack.send("start-housekeeping", structure=16)
    monitor = {"parameter": "boots", "kind": "limits", "low": 0.0, "high": 60.0}
    stack.send("add-monitor", monitor=3, repetitions=3, period=0.2, **monitor)
    stack.send("add-action", action=1, event="too-hot", source=ANY, packet=body)
    stack.send("load-sequence", sequence=2, gate="any", steps=pack_steps([Step(0.0, body)]))
    stack.send("set-parameter", parameter="event_rate", value=33)
    stack.send("disable-event", event="booted")
    content = b"content of a file"
    digest = hashlib.sha256(content).digest()
    stack.send("begin-file", slot=4, size=len(content), chunk=64, digest=digest)
    stack.send("write-chunk", slot=4, chunk=0, data=content)
    stack.run(0.5)
    assert stack.told("failed") == []
    stack.reboot()
    stack.reports.clear()
    for name in ("report-monitors", "report-actions", "report-sequences", "report-disabled-events"):
        stack.send(name)
    stack.send("run-sequence", sequence=2)
    stack.send("report-file", slot=4)
    stack.run(1.0)
    assert stack.told("structure-values")[-1]["parameters"] == "mode,event_rate"
    assert [v["monitor"] for v in stack.told("monitor-definition")] == [3]
    assert [v["event"] for v in stack.told("action-definition")] == ["too-hot"]
    assert stack.told("disabled-events") == [{"events": "booted"}]
    assert stack.told("file-state")[0]["state"] == "COMPLETE"
    assert len(stack.told("alive")) == 1
    assert stack.controller._services.parameters["event_rate"] == 33


def test_board_memory_is_dumped_and_checked_by_name(flying):
    """The bytes are those that the model computes with, and the sum is over all of them."""
    flying.send("dump-region", region=WEIGHTS, offset=4090, length=100)
    flying.send("check-region", region=WEIGHTS, offset=0, length=0)
    flying.send("dump-region", region=WEIGHTS, offset=flying.golden.size, length=1)
    flying.run(0.5)
    (dump,) = flying.told("region-dump")
    assert dump["data"] == flying.golden.tobytes()[4090:4190]
    assert flying.told("region-checksum")[0]["crc"] == crc32c(flying.golden.tobytes())
    assert last_reason(flying) is Reason.BAD_ARGUMENT


def test_board_region_is_scrubbed_and_repaired_by_name(flying):
    """With the scrubber off, a flip is found on command; repair goes back to the golden copy."""
    flying.send("set-parameter", parameter="scrub_enabled", value=0)
    flying.run(0.5)
    flying.flip(5000, 3)
    flying.send("scrub-region", region=WEIGHTS)
    flying.run(0.5)
    assert flying.told("region-mended") == [{"region": WEIGHTS, "pages": 8, "hits": 1}]
    assert "page-corrected" in flying.events
    flying.submit(1)
    flying.run(0.5)
    flying.flip(9000, 1)
    flying.fire("repair-region", region=WEIGHTS)
    flying.run(1.0)
    assert (flying.weights == flying.golden).all()
    assert flying.told("withdrawal") == [{"job": 1, "attempt": 1}]
    flying.send("scrub-region", region="voted-a:node")
    flying.run(0.5)
    assert Reason(flying.told("region-refused")[-1]["reason"]) is Reason.NO_SUCH_REGION


def test_upload_of_a_file_does_not_starve_commanding(stack):
    """Chunks at full speed, and every ping is answered within a fifth of a second."""
    content = bytes(range(256)) * 2000
    digest = hashlib.sha256(content).digest()
    stack.send("begin-file", slot=1, size=len(content), chunk=4096, digest=digest)
    stack.run(0.1)
    chunk = 0
    while chunk * 4096 < len(content):
        for _ in range(8):
            part = content[chunk * 4096 : (chunk + 1) * 4096]
            if part:
                stack.send("write-chunk", slot=1, chunk=chunk, data=part)
                chunk += 1
        stack.send("ping")
        answered = len(stack.told("alive"))
        stack.run(0.2)
        assert len(stack.told("alive")) == answered + 1
    assert "file-complete" in stack.events


def test_flood_of_commands_neither_grows_nor_stops_housekeeping(stack):
    """200 pings at once: those that fit are answered in order, the others BUSY; housekeeping flows."""
    for _ in range(200):
        stack.send("ping")
    samples = sum(name == "alive" for name, _ in stack.reports)
    stack.housekeeping.clear()
    stack.run(2.0)
    alive = len(stack.told("alive")) - samples
    stack.send("report-housekeeping", structure=3)
    stack.run(0.2)
    assert alive >= 64
    assert last_reason(stack, "not-accepted") is Reason.BUSY
    assert stack.housekeeping[3]["refused_busy"] == 200 - alive
    assert {1, 2, 3} <= set(stack.housekeeping)


def test_setting_the_clock_needs_arming_and_keeps_the_schedule(stack):
    """The stamps change; what was planned happens when it would have happened."""
    body = stack.telecommand("report-schedule").pack()
    stack.send("insert-entry", entry=1, group=0, release=stack.clock_s + 2.0, packet=body)
    stack.run(0.2)
    stack.send("set-time", time=stack.clock_s + 3600)
    stack.run(0.2)
    assert last_reason(stack, "not-accepted") is Reason.NOT_ARMED
    stack.fire("set-time", time=stack.clock_s + 3600)
    stack.run(1.0)
    assert stack.told("schedule-state") == []
    stack.run(1.0)
    assert len(stack.told("schedule-state")) == 1
    stack.send("report-time")
    stack.run(0.1)
    assert stack.told("time")[-1]["clock"] == pytest.approx(stack.clock_s + 3600, abs=1.0)


def test_third_boot_in_a_row_leaves_optional_parts_out_until_it_has_held(stack):
    """No schedule, monitoring, actions or sequences for a minute; commanding and board work."""
    body = stack.telecommand("report-schedule").pack()
    stack.send("insert-entry", entry=1, group=0, release=stack.clock_s + 1.0, packet=body)
    stack.send("load-sequence", sequence=1, gate="any", steps=pack_steps([Step(0.0, body)]))
    stack.run(0.2)
    stack.unproven = 3
    stack.reboot()
    stack.run(2.0)
    assert "boot-plan" in stack.events
    assert stack.told("schedule-state") == []
    stack.send("run-sequence", sequence=1)
    stack.run(0.2)
    assert last_reason(stack) is Reason.NOT_STARTED
    stack.send("set-mode", mode="NOMINAL")
    stack.run(2.0)
    assert stack.controller.mode.name == "NOMINAL"
    stack.run(57.0)
    assert "boot-proven" in stack.events
    assert len(stack.told("schedule-state")) == 1
    assert stack.counters.get("boot-confirmed") is None
    stack.run(10.0)
    assert stack.counters["boot-confirmed"] == 2


def test_fifth_boot_in_a_row_stays_in_safe_without_store_until_it_has_held(stack):
    """Nothing is read or written and NOMINAL refused, for a minute; then all is there again."""
    body = stack.telecommand("report-schedule").pack()
    stack.send("insert-entry", entry=1, group=0, release=stack.clock_s + 500.0, packet=body)
    stack.send("set-parameter", parameter="event_rate", value=33)
    stack.run(0.2)
    stack.unproven = 5
    stack.reboot()
    writes = stack.storage.writes
    stack.send("set-mode", mode="NOMINAL")
    stack.run(0.5)
    assert last_reason(stack) is Reason.NOT_ALLOWED
    stack.send("set-parameter", parameter="event_rate", value=50)
    stack.send("report-schedule")
    stack.run(5.0)
    assert last_reason(stack, "not-accepted") is Reason.NOT_STARTED
    assert stack.controller.mode.name == "SAFE"
    assert stack.storage.writes == writes
    stack.run(56.0)
    stack.send("report-schedule")
    stack.send("report-parameter", parameter="event_rate")
    stack.send("set-mode", mode="NOMINAL")
    stack.run(2.0)
    assert stack.told("schedule-state")[-1]["entries"] == 1
    assert stack.told("parameter")[-1]["value"] == 33
    assert stack.controller.mode.name == "NOMINAL"


def test_safe_answers_while_storage_fails_in_every_call(stack):
    """Every record refused, at boot and after: SAFE, a ping is answered, and the failure is told.

    Security ceilings are apart: without those no frame may pass (space_link.sdls).
    """
    stack.storage.fails = True
    stack.unproven = None
    stack.reboot()
    stack.run(3.0)
    assert stack.controller.mode.name == "SAFE"
    stack.send("ping")
    stack.send("set-parameter", parameter="event_rate", value=30)
    stack.run(0.3)
    assert stack.told("alive")
    stack.send("report-housekeeping", structure=3)
    stack.run(0.3)
    assert stack.housekeeping[3]["boot_plan"] == "REQUIRED_ONLY"
    assert stack.housekeeping[3]["records_unsaved"] >= 1
    assert "storage-failed" in stack.events


@pytest.mark.parametrize("name", ["schedule", "parameters", "file-3", "tm-events-04", "time"])
def test_record_without_a_whole_copy_costs_that_record_alone(stack, name):
    """Both slots damaged: the payload boots, says which record, and works."""
    for slot in ("a", "b"):
        stack.storage.blobs[f"{name}.{slot}"] = b"\xff" * 40
    stack.reboot()
    stack.run(1.0)
    assert any(name in sentence for sentence in stack.sentences)
    stack.send("ping")
    stack.run(0.2)
    assert stack.told("alive")


def test_counters_that_storage_refuses_are_tried_once_a_second_and_told(stack):
    """The link goes on with the numbers in hand, does not busy itself with storage, and heals."""
    stack.counters_fail = True
    steps = 0
    for _ in range(300):
        stack.send("ping")
        steps += bool(stack.controller._asked)
        stack.run(0.02)
    assert 3 <= steps <= 12
    assert 100 < len(stack.told("alive")) < 300
    assert "storage-failed" in stack.events
    stack.counters_fail = False
    stack.run(1.5)
    stack.send("ping")
    answered = len(stack.told("alive"))
    stack.run(0.2)
    assert len(stack.told("alive")) > answered


def test_failing_storage_does_not_keep_the_payload_awake(stack):
    """With a release waiting for its mark, the payload sleeps until storage is tried again."""
    body = stack.telecommand("ping").pack()
    stack.send("insert-entry", entry=1, group=0, release=stack.clock_s + 1.0, packet=body)
    stack.run(0.5)
    stack.storage.fails = True
    stack.run(2.0)
    services = stack.controller._services
    assert services.keeper.unsaved
    waits = services.wake_at(stack.now) - stack.now
    assert waits > 0.0
