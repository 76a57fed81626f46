"""Memory errors and firmware limits of the board reach the ground, each once."""

from flight_sw.board_health import HealthTeller, HealthWatch
from flight_sw.board_link.health import BoardHealth
from flight_sw.node import NodeInputs, Readings
from tests.flight_sw.stack import Stack


def told(stack, health):
    """Let the node read that, and the ground hear of it."""
    reading = Readings(temp_c=20.0, health=health)
    stack.node.step(stack.now, NodeInputs(readings=reading, worker_alive=True))
    stack.run(1.0)
    return [
        one for one in stack.sentences if "memory controller" in one or "firmware limits" in one
    ]


def test_the_ground_hears_of_errors_and_limits_once():
    """A bit that stays set is no news; another error is."""
    stack = Stack()
    stack.fly()
    first = told(stack, BoardHealth(3, 0, 0x50005))
    assert len(first) == 2
    assert "3 corrected and 0 lost" in first[0]
    assert "supply below 4.63 V, throttled" in first[1]
    assert told(stack, BoardHealth(3, 0, 0x50000)) == first
    assert "4 corrected and 1 lost" in told(stack, BoardHealth(4, 1, 0x50000))[-1]


def test_a_board_without_such_counters_tells_nothing():
    """Most small boards have neither."""
    teller = HealthTeller()
    assert teller.news(BoardHealth()) is None
    assert teller.news(None) is None
    assert teller.introduce() is None


def test_a_restarted_controller_is_told_and_a_restarted_board_counts_anew():
    """Neither loses an error, and none is told twice."""
    teller, watch = HealthTeller(), HealthWatch()
    news = teller.news(BoardHealth(2, 0, None))
    assert teller.introduce() == news
    assert [one.definition.name for one in watch.hear(news)] == ["memory-errors"]
    assert watch.hear(news) == []
    watch.forget()
    assert [one.definition.name for one in watch.hear(BoardHealth(1, 0, None))] == ["memory-errors"]
