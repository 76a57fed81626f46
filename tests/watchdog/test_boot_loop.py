"""A payload that is killed at every boot ends in SAFE with the least of software, and answers."""

import time

from flight_sw.devices.storage import FileStorage
from flight_sw.radiation.boot_guard import SAFE_AT
from flight_sw.store.counters import BootCounter
from tests.crash.payload_process import PayloadProcess, connected

ANSWER_S = 10.0  # design goal: a boot loop answers in SAFE within this time


def killed_at_boot(payload, boots, eventually):
    """One boot that dies as soon as it was counted."""
    payload.start()
    storage = FileStorage(payload.program.state)
    eventually(lambda: BootCounter(storage).load().boots >= boots, f"boot {boots}", 30.0)
    payload.kill()


def test_a_boot_loop_ends_in_safe_and_answers(tmp_path, eventually):
    """Five boots that do not hold; the next one starts in SAFE, answers, and is counted right."""
    with PayloadProcess(tmp_path) as payload:
        for boot in range(1, SAFE_AT + 1):
            killed_at_boot(payload, boot, eventually)
        payload.start()
        since = time.monotonic()
        ground = connected(payload)
        ground.send("ping").done()
        took_s = time.monotonic() - since
        ground.send("report-housekeeping", structure=3).done()
        ground.send("set-mode", mode="NOMINAL")
        ground.send("report-housekeeping", structure=1).done()
        plan, mode = ground.housekeeping(3).values, ground.housekeeping(1).values["mode"]
        boots = ground.housekeeping(2).values["boots"]
        ground.close()
    assert took_s < ANSWER_S
    assert (plan["boot_plan"], mode, boots) == ("SAFE", "SAFE", SAFE_AT + 1)
