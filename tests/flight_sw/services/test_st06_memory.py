"""ST[06]: named regions, within their bounds, on the controller and the board."""

import pytest

from flight_sw.board_link import messages as m
from flight_sw.dictionary.reason import Reason
from flight_sw.own_memory import ControllerMemory
from flight_sw.radiation.native import crc32c
from flight_sw.radiation.voted import VotedRecord
from flight_sw.services.board_orders import ORDERS_MAX, BoardOrders
from flight_sw.services.st06_memory import MemoryService

OWN = "voted-a:payload"
BOARD = "weights:model"


@pytest.fixture
def state():
    return VotedRecord("payload", {"mode": 1, "level": 2})


@pytest.fixture
def orders():
    return BoardOrders(lambda: True)


@pytest.fixture
def service(state, orders):
    service = MemoryService(ControllerMemory(state), orders)
    service.board[BOARD] = 8192
    return service


def test_own_region_is_dumped_and_summed(ask, read, service):
    """The bytes of the voted record, and their CRC-32C."""
    ((_, dump),) = read(ask(service, "dump-region", region=OWN, offset=0, length=16))
    assert dump["data"] == (1).to_bytes(8, "little") + (2).to_bytes(8, "little")
    ((_, told),) = read(ask(service, "check-region", region=OWN, offset=0, length=16))
    assert told["crc"] == crc32c(dump["data"])


def test_board_region_is_asked_of_the_board(ask, service, orders):
    """Dump, check, scrub and repair become messages."""
    ask(service, "dump-region", region=BOARD, offset=8, length=16)
    ask(service, "check-region", region=BOARD, offset=192, length=0)
    ask(service, "scrub-region", region=BOARD)
    ask(service, "repair-region", region=BOARD)
    assert orders.take() == [
        m.ReadRegion(BOARD, 8, 16),
        m.CheckRegion(BOARD, 192, 8000),
        m.MendRegion(BOARD, rebuild=False),
        m.MendRegion(BOARD, rebuild=True),
    ]


@pytest.mark.parametrize("name", ["nobody", "", "../etc", "weights:model\0", "0x7fff0000"])
def test_unknown_name_is_refused(ask, service, orders, name):
    """Only names of the memory map reach memory; an address is no name."""
    assert ask(service, "dump-region", region=name, offset=0, length=1) is Reason.NO_SUCH_REGION
    assert ask(service, "check-region", region=name, offset=0, length=0) is not None
    assert ask(service, "scrub-region", region=name) is Reason.NO_SUCH_REGION
    assert orders.take() == []


@pytest.mark.parametrize(("offset", "length"), [(20, 1), (0, 21), (2**32 - 1, 4096), (19, 2)])
def test_range_that_leaves_the_region_is_refused(ask, service, offset, length):
    """Not one byte beyond the end is read."""
    how = {"region": OWN, "offset": offset, "length": length}
    assert ask(service, "dump-region", **how) is Reason.BAD_ARGUMENT
    assert ask(service, "check-region", **how) is Reason.BAD_ARGUMENT


def test_scrub_of_the_voted_record_mends_it(ask, read, service, state):
    """A flipped bit in one copy is put right and counted."""
    state._copies[1][3] ^= 0x10
    ((_, told),) = read(ask(service, "scrub-region", region=OWN))
    assert told["hits"] == 1
    assert state.read() == {"mode": 1, "level": 2}


def test_board_that_is_away_cannot_be_asked(ask, state):
    """BOARD_AWAY, and orders that pile up are bounded."""
    service = MemoryService(ControllerMemory(state), BoardOrders(lambda: False))
    service.board[BOARD] = 8192
    assert ask(service, "scrub-region", region=BOARD) is Reason.BOARD_AWAY
    orders = BoardOrders(lambda: True)
    outcomes = [orders.tell(m.RestartWorker()) for _ in range(ORDERS_MAX + 1)]
    assert outcomes == [None] * ORDERS_MAX + [Reason.QUEUE_FULL]


def test_answers_of_the_board_become_reports(service):
    """Each message has its report; others have none."""
    answers = [
        m.RegionData(BOARD, 0, b"x"),
        m.RegionChecked(BOARD, 0, 1, 2),
        m.RegionMended(BOARD, 8, 0),
        m.RegionRefused(BOARD),
    ]
    kinds = [item.subtype for answer in answers for item in service.on_message(answer)]
    assert kinds == [4, 8, 130, 131]
    assert service.on_message(m.RestartWorker()) == []
