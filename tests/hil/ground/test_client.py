"""The ground against a payload on a real socket: verification, expectations, restarts, replay."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_sw.dictionary.command import arming_digest
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import CRITICAL_NAMES
from flight_sw.errors import PortError, UserError
from flight_sw.profile import Profile
from flight_sw.space_link.keys import KeySet, new_keys
from flight_sw.space_link.packet import Telecommand
from flight_sw.space_link.sdls import SdlsSender
from hil.ground.archive import Archive
from hil.ground.client import WINDOW, Ground
from hil.ground.link_state import LinkState
from hil.ground.reports import Alive, Housekeeping, ParameterReport, Result
from hil.ground.request import CommandFailed, CommandRefused, NoAnswer, NotSeen

Start = Callable[..., Any]  # the Payload of conftest
Connect = Callable[..., Ground]


def number(telecommand: Telecommand) -> int:
    """The request id as verification reports carry it."""
    return int.from_bytes(telecommand.request_id, "big")


def test_a_telecommand_is_followed_to_its_end(start: Start, connect: Connect) -> None:
    """A ping is accepted, answered and done, and each step is counted."""
    payload = start()
    ground = connect(payload)
    request = ground.send("ping").accepted().done()
    assert request.is_final
    ground.expect(Alive)
    assert payload.commands == ["ping"]
    counts = ground.counts
    assert (counts.tc_sent, counts.tc_accepted, counts.tc_rejected, counts.tc_done) == (1, 1, 0, 1)


def test_arguments_arrive_typed(start: Start, connect: Connect) -> None:
    """Named values go up as the dictionary declares them."""
    payload = start()
    seen: list[bytes] = []
    payload.answer = lambda tc: (seen.append(tc.data), payload.obey(tc))[1]
    connect(payload).send("set-parameter", parameter="scrub_pass", value=2.5).done()
    assert seen == [b"\x01" + bytes.fromhex("4004000000000000")]


def test_arming_names_the_very_telecommand(start: Start, connect: Connect) -> None:
    """What is armed is the digest of the bytes that will be fired, and only critical ones."""
    payload = start()
    seen: list[bytes] = []
    payload.answer = lambda tc: (seen.append(tc.data), payload.obey(tc))[1]
    ground = connect(payload)
    ground.arm("reset-schedule").done()
    digest = arming_digest(11, 3, b"")
    assert seen == [
        b"\x00\x07" + bytes([CRITICAL_NAMES.index("reset-schedule")]) + digest.to_bytes(8, "big")
    ]
    with pytest.raises(UserError, match="not critical"):
        ground.arm("ping")
    with pytest.raises(UserError, match="no telecommand"):
        ground.arm("reset-schedul")


def test_a_refusal_carries_its_reason(start: Start, connect: Connect) -> None:
    """A telecommand that is not accepted raises with the payload's own reason."""
    payload = start()
    payload.answer = lambda tc: [
        payload.report("not-accepted", request=number(tc), reason=Reason.WRONG_MODE.value)
    ]
    ground = connect(payload)
    with pytest.raises(CommandRefused, match="ping refused: WRONG_MODE") as error:
        ground.send("ping").done()
    assert error.value.reason is Reason.WRONG_MODE
    assert ground.counts.tc_rejected == 1


def test_a_failure_carries_its_reason(start: Start, connect: Connect) -> None:
    """A telecommand that fails was accepted, and raises only when waited for to the end."""

    payload = start()
    payload.answer = lambda tc: [
        payload.report("accepted", request=number(tc)),
        payload.report("failed", request=number(tc), reason=Reason.BOARD_AWAY.value),
    ]
    ground = connect(payload)
    request = ground.send("ping")
    with pytest.raises(CommandFailed, match="ping failed: BOARD_AWAY"):
        request.done()
    assert request.accepted() is request
    assert ground.counts.tc_failed == 1


def test_silence_is_explained(start: Start, connect: Connect) -> None:
    """Without a verification in time the error says what the link knows."""
    payload = start()
    payload.answer = lambda _: []
    with pytest.raises(NoAnswer, match=r"ping: no answer within 0.1 s; frames refused by the pay"):
        connect(payload).send("ping").done(within_s=0.1)


def test_a_report_answers_one_expectation_only(start: Start, connect: Connect) -> None:
    """An expectation looks back as well as forward, and never twice at the same report."""
    payload = start()
    ground = connect(payload)
    payload.tell(payload.event("booted", boots=1, cause="test"))
    ground.send("ping").done()
    assert ground.expect(event="booted").values["boots"] == 1
    with pytest.raises(NotSeen, match=r"no booted within 0.05 s"):
        ground.expect(event="booted", within_s=0.05)


def test_a_fresh_expectation_ignores_the_past(start: Start, connect: Connect) -> None:
    """With `fresh` only later reports count."""
    payload = start()
    ground = connect(payload)
    payload.tell(payload.event("booted", boots=1, cause="test"))
    ground.send("ping").done()
    with pytest.raises(NotSeen):
        ground.expect(event="booted", within_s=0.05, fresh=True)


def test_an_expectation_may_be_choosy(start: Start, connect: Connect) -> None:
    """`where` picks among reports of one kind by their values."""
    payload = start()
    ground = connect(payload)
    payload.tell(payload.report("parameter", parameter=0, value=1.0))
    payload.tell(payload.report("parameter", parameter=1, value=2.0))
    found = ground.expect(ParameterReport, where=lambda one: one.parameter == "scrub_pass")
    assert found.value == 2.0


def test_poll_gives_every_report_once(start: Start, connect: Connect) -> None:
    """Reports that arrived while something else was waited for are not lost to poll."""
    payload = start()
    ground = connect(payload)
    ground.send("ping").done()
    kinds = [type(one).__name__ for one in ground.poll()]
    assert kinds == ["Housekeeping", "Housekeeping", "Verification", "Alive", "Verification"]
    assert ground.poll() == []


def test_housekeeping_is_the_newest(start: Start, connect: Connect) -> None:
    """The latest sample of each structure is at hand."""
    payload = start()
    ground = connect(payload)
    payload.tell(payload.housekeeping(1, temp=71.0), payload.housekeeping(1, temp=72.0))
    ground.expect(Housekeeping, where=lambda one: one.values.get("temp") == 72.0)
    newest = ground.housekeeping()
    assert newest is not None
    assert newest.values["temp"] == 72.0


def test_many_telecommands_at_once_are_told_apart(start: Start, connect: Connect) -> None:
    """More jobs than the window go up without waiting one by one; each is matched by its id."""
    payload = start()
    ground = connect(payload)
    job = {"model": 1, "protection": "standard", "priority": 1, "deadline": 10.0}
    requests = [ground.send("submit-job", job=i, input=bytes(72), **job) for i in range(60)]
    for request in requests:
        request.done()
    assert len({request.id for request in requests}) == 60
    assert payload.commands == ["submit-job"] * 60
    assert ground.waiting == 0


def test_the_window_holds_back(start: Start, connect: Connect) -> None:
    """With WINDOW telecommands unanswered, the next waits for one of them."""
    payload = start()
    held: list[int] = []
    payload.answer = lambda tc: held.append(number(tc)) or []
    ground = connect(payload)
    for _ in range(WINDOW):
        ground.send("ping")
    assert not ground.wait_until(lambda: ground.waiting < WINDOW, 0.05)
    payload.tell(payload.report("accepted", request=held[0]))
    ground.send("ping")
    assert ground.wait_until(lambda: len(held) == WINDOW + 1, 2.0)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("pign", {}, "no telecommand 'pign'; did you mean ping"),
        ("set-mode", {"mode": "ASLEEP"}, "set-mode: mode 'ASLEEP' is not one of SAFE, NOMINAL"),
        ("set-mode", {}, "set-mode: argument mode is missing"),
        (
            "submit-job",
            {
                "job": 1,
                "model": 1,
                "protection": "none",
                "priority": 0,
                "deadline": 1.0,
                "input": bytes(70_000),
            },
            "70011 bytes do not fit one packet",
        ),
    ],
)
def test_a_wrong_telecommand_never_leaves(
    start: Start, connect: Connect, name: str, values: dict, says: str
) -> None:
    """A mistake in name or arguments is the user's, told before anything is sent."""
    ground = connect(start())
    with pytest.raises(UserError, match=says):
        ground.send(name, **values)
    assert ground.counts.tc_sent == 0


def test_bad_packets_are_counted_and_passed_over(start: Start, connect: Connect) -> None:
    """A packet that does not fit its declaration costs nothing but a count."""
    payload = start()
    ground = connect(payload)
    payload.tell((3, 25, b"\x09"), (5, 1, b"\xff\xff"), (1, 8, b"\0"))
    ground.send("ping").done()
    assert ground.counts.packets_bad == 3


def test_the_link_comes_back_by_itself(start: Start, connect: Connect) -> None:
    """After the controller is killed and started again, commanding goes on without a new ground."""
    payload = start()
    ground = connect(payload)
    ground.send("ping").done()
    counter, tm_counter = payload.uplink.security.next_counter, payload.downlink.security.ceiling
    payload.stop()
    ground.wait_until(lambda: not ground.is_connected, 2.0)
    again = start(port=payload.port, tc_ceiling=counter + 200, tm_ceiling=tm_counter)
    ground.send("ping").done()
    assert again.commands == ["ping"]
    assert ground.counts.connects == 2


def test_a_replay_is_refused_even_after_a_restart(start: Start, connect: Connect) -> None:
    """The bytes of the last telecommand are worth nothing a second time."""
    payload = start()
    ground = connect(payload)
    ground.send("ping").done()
    ground.replay_last()
    assert ground.expect(event="frames-refused").values["reason"] == "REPLAY"
    ceilings = payload.uplink.security.next_counter, payload.downlink.security.ceiling
    payload.stop()
    ground.wait_until(lambda: not ground.is_connected, 2.0)
    again = start(port=payload.port, tc_ceiling=ceilings[0], tm_ceiling=ceilings[1])
    ground.wait_until(lambda: ground.is_connected, 2.0)
    ground.replay_last()
    assert ground.expect(event="frames-refused", fresh=True).values["reason"] == "REPLAY"
    assert again.commands == []


def test_a_second_program_with_the_same_keys_gets_through(start: Start, connect: Connect) -> None:
    """Two grounds with one state folder never share a counter, and both can command in turn."""
    payload = start()
    first, second = connect(payload), connect(payload)
    second.send("ping").done()
    payload.tell_health()
    first.expect(Housekeeping, where=lambda one: one.values.get("tc_counter_next", 0) > 0)
    first.send("ping").done()
    payload.tell_health()
    second.wait_until(lambda: False, 0.05)
    second.send("ping").done()
    assert len(payload.commands) == 3


def test_a_ground_that_lost_its_counters_follows_the_payload(
    start: Start, keys: KeySet, profile: Profile, tmp_path: Path
) -> None:
    """With an empty state folder the counter is lifted to what the payload will accept."""
    payload = start(tc_ceiling=1000)
    with Ground(payload.url, keys, tmp_path / "new", profile) as ground:
        ground.send("ping").done()
    assert payload.uplink.security.next_counter > 1000


def test_a_killed_ground_costs_no_telecommand(
    start: Start, connect: Connect, keys: KeySet, tmp_path: Path
) -> None:
    """Counters skipped after a kill lead the payload's stored ceiling; the first command passes."""
    payload = start()
    state = LinkState(tmp_path / "state", keys)
    for _ in range(3):  # three programs that reserved and were killed
        state.reserve(SdlsSender(keys.tc, state.counters().tc_ceiling))
    ground = connect(payload)
    ground.send("scrub-now").done()
    assert payload.commands == ["scrub-now"]
    assert ground.counts.tc_sent == 1


def test_a_counter_beyond_the_window_is_explained(
    start: Start, connect: Connect, keys: KeySet, tmp_path: Path
) -> None:
    """If the payload's state was deleted under old keys, the ground says to make new ones."""
    sender = SdlsSender(keys.tc, 0)
    LinkState(tmp_path / "state", keys).reserve(sender, 100_000)
    with pytest.raises(UserError, match="make new keys for both ends"):
        connect(start()).send("ping")


def test_other_keys_are_explained(start: Start, profile: Profile, tmp_path: Path) -> None:
    """With the wrong key file nothing passes, and the error says so."""
    other = new_keys(1, bytes(reversed(range(64))))
    with (
        Ground(start().url, other, tmp_path, profile) as ground,
        pytest.raises(NoAnswer, match=r"no frame passes .2 MAC.: give both ends the same key file"),
    ):
        ground.send("ping").done(within_s=0.1)


def test_nobody_there_is_a_port_error(keys: KeySet, profile: Profile, tmp_path: Path) -> None:
    """Without a controller the port error names the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ground = Ground(f"tcp://127.0.0.1:{port}", keys, tmp_path, profile)
    with pytest.raises(PortError, match=f"127.0.0.1:{port}"):
        ground.connect(within_s=0.05)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1", "tcp://:1", "http://h:1", "", "/dev/x@fast"])
def test_a_wrong_address_shows_the_right_forms(
    keys: KeySet, profile: Profile, tmp_path: Path, url: str
) -> None:
    """An address that cannot be read is refused with an example of each form."""
    with pytest.raises(
        PortError, match=r"write tcp://127.0.0.1:5540, udp:// likewise, or /dev/ttyUSB0@921600"
    ):
        Ground(url, keys, tmp_path, profile)


def test_the_archive_holds_what_came_down(start: Start, connect: Connect, tmp_path: Path) -> None:
    """Packets, samples, events and results are on disk when the ground is closed."""
    payload = start()
    ground = connect(payload, archive=Archive(tmp_path / "run.sqlite"))
    answer = {"job": 5, "attempt": 1, "model": 1, "protection": "standard", "epoch": 3}
    payload.tell(
        payload.event("booted", boots=1, cause="test"),
        payload.report("result", elapsed=0.5, frequency=600, digest="00", output=b"\1", **answer),
    )
    ground.expect(Result)
    ground.close()
    archive = Archive(tmp_path / "run.sqlite", read_only=True)
    assert [one.job for one in archive.results()] == [5]
    assert [one.name for one in archive.events()] == ["booted"]
    assert len(archive.series("boots").value) == 1
    assert len(list(archive.packets())) == 4
    archive.close()
