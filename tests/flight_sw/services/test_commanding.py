"""Commanding: decode, mode, arm and fire, bounded queues, counted refusals."""

import pytest

from flight_sw.commanding import BULK_WAITING_MAX, PER_STEP, WAITING_MAX, Commanding, Moment
from flight_sw.dictionary.command import arming_digest
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME, COMMANDS, arming
from flight_sw.mode import Mode
from flight_sw.services.refusals import TOLD_PER_S
from flight_sw.space_link.packet import Telecommand


class Everything:
    """Handlers for all telecommands; notes what ran."""

    def __init__(self):
        self.ran = []
        self.faults = []

    def fail(self, name, error):
        self.faults.append((name, error))

    def handlers(self):
        names = [command.name for command in COMMANDS if command.name != "arm"]
        return {name: lambda call, name=name: self.ran.append((name, call)) for name in names}


@pytest.fixture
def service():
    return Everything()


@pytest.fixture
def commanding(service):
    commanding = Commanding(service.fail)
    commanding.add([service])
    return commanding


def packet(name, sequence=1, **values):
    command = BY_NAME[name]
    return Telecommand(5, sequence, command.service, command.subtype, command.encode(values))


def at(now=0.0, mode=Mode.NOMINAL):
    return Moment(now, 1.8e9 + now, mode)


def reason_of(reports):
    return Reason(int.from_bytes(reports[-1].data[4:6], "big"))


def arm(commanding, name, now=0.0, **values):
    commanding.carry_out(packet("arm", **arming(name, values)), at(now))


def test_armed_command_fires_once(commanding, service):
    """Arm and fire works; a second firing is refused."""
    arm(commanding, "delete-file", slot=3)
    reports = commanding.carry_out(packet("delete-file", slot=3), at(1.0))
    assert [r.subtype for r in reports] == [1, 3, 7]
    reports = commanding.carry_out(packet("delete-file", slot=3), at(1.1))
    assert reason_of(reports) is Reason.NOT_ARMED
    assert [name for name, _ in service.ran] == ["delete-file"]


def test_critical_command_without_arm_is_refused(commanding, service):
    """No critical telecommand runs by itself."""
    reports = commanding.carry_out(packet("reset-schedule"), at())
    assert reason_of(reports) is Reason.NOT_ARMED
    assert service.ran == []


def test_arm_expires_after_30_seconds(commanding, service):
    """At 31 s it is too late, and the late firing disarms."""
    arm(commanding, "reset-schedule")
    reports = commanding.carry_out(packet("reset-schedule"), at(31.0))
    assert reason_of(reports) is Reason.ARM_EXPIRED
    reports = commanding.carry_out(packet("reset-schedule"), at(1.0))
    assert reason_of(reports) is Reason.NOT_ARMED
    assert service.ran == []


@pytest.mark.parametrize(
    ("fired", "values"), [("delete-file", {"slot": 4}), ("reset-schedule", {})]
)
def test_arm_for_one_does_not_fire_another(commanding, service, fired, values):
    """Other arguments or another command are refused, and disarm."""
    arm(commanding, "delete-file", slot=3)
    reports = commanding.carry_out(packet(fired, **values), at(1.0))
    assert reason_of(reports) is Reason.NOT_ARMED
    reports = commanding.carry_out(packet("delete-file", slot=3), at(1.0))
    assert reason_of(reports) is Reason.NOT_ARMED
    assert service.ran == []


def test_arming_digest_covers_service_subtype_and_data():
    """No two telecommands share what they are armed by."""
    digests = {arming_digest(8, 1, b"a"), arming_digest(8, 2, b"a"), arming_digest(8, 1, b"b")}
    assert len(digests) == 3


def test_flood_of_valid_commands_is_answered_busy(commanding, service):
    """The queue holds 64; the newest get BUSY; those accepted run in order, 16 a step."""
    replies = [commanding.receive(packet("ping", n), 0.0) for n in range(100)]
    busy = [reports for reports in replies if reports]
    assert len(busy) == 100 - WAITING_MAX
    assert all(reason_of(reports) is Reason.BUSY for reports in busy)
    done = []
    while commanding.waiting:
        taken = commanding.take()
        assert len(taken) <= PER_STEP
        done += [telecommand.sequence for telecommand in taken]
    assert done == list(range(WAITING_MAX))


def test_upload_does_not_hold_commanding_up(commanding):
    """With the queue of large transfers full, a ping is the first to be carried out."""
    for chunk in range(50):
        commanding.receive(packet("write-chunk", chunk, slot=1, chunk=chunk, data=b"x"), 0.0)
    assert commanding.waiting == BULK_WAITING_MAX
    assert not commanding.has_room
    assert commanding.receive(packet("ping", 77), 0.0) == []
    assert commanding.take()[0].sequence == 77


def test_refusals_are_counted_by_reason_and_told_at_a_limited_rate(commanding):
    """A thousand bad telecommands in a second cost at most 51 reports, and none goes uncounted."""
    bad = Telecommand(5, 1, 77, 7, b"")
    told = sum(len(commanding.carry_out(bad, at(n / 1000))) for n in range(1000))
    assert TOLD_PER_S <= told <= 2 * TOLD_PER_S
    assert commanding.refusals.values()["refused_unknown_command"] == 1000
    assert commanding.verification.rejected == 1000


def test_wrong_mode_and_bad_argument_reach_no_handler(commanding, service):
    """What is refused is refused before the handler."""
    job = packet("cancel-job", job=1)
    assert reason_of(commanding.carry_out(job, at(mode=Mode.SAFE))) is Reason.WRONG_MODE
    cut = Telecommand(5, 1, job.service, job.subtype, job.data[:-1])
    assert reason_of(commanding.carry_out(cut, at())) is Reason.BAD_ARGUMENT
    assert service.ran == []


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), MemoryError()])
def test_a_handler_that_raises_is_a_failure_like_any_other(commanding, service, error):
    """Accepted, failed with HANDLER_FAILED, told with the name of what was raised; the next one runs."""

    def broken(call):
        raise error

    works, commanding._handlers["ping"] = commanding._handlers["ping"], broken
    reports = commanding.carry_out(packet("ping"), at())
    assert [r.subtype for r in reports] == [1, 8]
    assert reason_of(reports) is Reason.HANDLER_FAILED
    assert commanding.refusals.values()["refused_handler_failed"] == 1
    assert service.faults == [("ping", type(error).__name__)]
    commanding._handlers["ping"] = works
    assert commanding.carry_out(packet("ping"), at())[-1].subtype == 7


def test_telecommand_without_handler_is_found_at_start():
    """A declaration without a handler, or a handler without a declaration, stops the start."""
    with pytest.raises(ValueError, match="differ"):
        Commanding(print).add([])
    commanding = Commanding(print)
    with pytest.raises(ValueError, match="two handlers"):
        commanding.add([Everything(), Everything()])
