"""Each heartbeat alone starves the watchdog, and there is no other way to feed it."""

import ast
from pathlib import Path

import pytest

from flight_sw.node import NodeInputs, Readings
from flight_sw.node_life import Beat, NodeLife
from tests.flight_sw.stack import Stack

FLIGHT = Path(__file__).parents[2] / "flight_sw"
STEP_S = 0.1
FEEDERS = ("pet", "alive")  # of the hardware watchdog, and of systemd's


@pytest.fixture
def node():
    """A real node with its worker up and its model loaded, for whoever steps it."""
    stack = Stack()
    stack.fly()
    return NodeBench(stack)


class NodeBench:
    """Steps the node alone, and remembers when its watchdog was last fed."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.node, self.now = stack, stack.node, stack.now
        self.readings: Readings | None = Readings(45.0, 2.5, 1800.0)
        self.worker_answers = True
        self.fed_s = self.now
        self.replies = b""

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now = round(self.now + STEP_S, 3)
            inputs = NodeInputs(worker=self.replies, worker_alive=True, readings=self.readings)
            outputs, _ = self.node.step(self.now, inputs)
            requests = outputs.worker if self.worker_answers else b""
            self.replies = self.stack.worker.exchange(requests)
            if outputs.feed_watchdog:
                self.fed_s = self.now


def starved_after(bench: NodeBench, within_s: float) -> float:
    """How long the watchdog was fed on after now."""
    since = bench.now
    bench.run(within_s)
    assert bench.fed_s < bench.now, "fed to the end"
    return bench.fed_s - since


def test_a_healthy_node_feeds_at_every_step(node):
    """Ten minutes, no gap."""
    node.run(600.0)
    assert node.fed_s == node.now


def test_without_readings_the_watchdog_starves(node):
    """Everything else beats on."""
    node.readings = None
    assert starved_after(node, 10.0) <= 5.1


def test_without_scrubbing_the_watchdog_starves(node, monkeypatch):
    """A scrubber that checks nothing although pages are due."""
    monkeypatch.setattr(node.node._scrub.scrubber, "advance", lambda budget: ())
    assert starved_after(node, 10.0) <= 5.2


def test_without_a_worker_that_is_heard_or_restarted_the_watchdog_starves(node, monkeypatch):
    """The watch over the worker has stopped deciding; worker and watch are silent."""
    node.worker_answers = False
    monkeypatch.setattr(node.node._worker, "_problem", lambda now, alive: None)
    assert starved_after(node, 120.0) <= 80.0


def test_without_telling_the_controller_the_watchdog_starves(node, monkeypatch):
    """The node's own heartbeat is not sent any more."""
    monkeypatch.setattr(node.node, "_beat", lambda now: None)
    assert starved_after(node, 10.0) <= 5.2


def test_a_worker_that_crashes_again_and_again_is_no_reason_to_reset_the_board(node):
    """It is being restarted; sensors, scrubber and link still work."""
    node.stack.worker.alive = False
    node.worker_answers = False
    node.run(300.0)
    assert node.fed_s == node.now


@pytest.mark.parametrize("missing", list(Beat), ids=lambda beat: beat.value)
def test_each_heartbeat_alone_forbids_feeding(missing):
    """Whatever the node comes to do: of the declared heartbeats, none can be left out."""
    life = NodeLife(Stack().profile)
    life.may_feed(0.0)
    for step in range(1000):
        for beat in set(Beat) - {missing}:
            life.beat(beat, step * 0.1)
    assert not life.may_feed(100.0)
    life.beat(missing, 100.0)
    assert life.may_feed(100.0)


def test_every_declared_heartbeat_has_its_own_test_by_holding_it_back():
    """A new heartbeat needs a test above, or this fails."""
    held_back = {
        Beat.SENSORS: test_without_readings_the_watchdog_starves,
        Beat.SCRUB: test_without_scrubbing_the_watchdog_starves,
        Beat.WORKER: test_without_a_worker_that_is_heard_or_restarted_the_watchdog_starves,
        Beat.TELLING: test_without_telling_the_controller_the_watchdog_starves,
    }
    assert set(held_back) == set(Beat)


def feeding_breaches(sources: dict[str, str]) -> list[str]:
    """Every way to feed but the one: `if outputs.feed_watchdog:` in the node's runner."""
    found, fed = [], 0
    for name, source in sources.items():
        tree = ast.parse(source)
        guarded = {
            id(call)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "outputs.feed_watchdog"
            for statement in node.body
            for call in ast.walk(statement)
        }
        for node in ast.walk(tree):
            if _feeds(node):
                fed += id(node) in guarded
                found += [] if id(node) in guarded else [f"{name}:{node.lineno}: feeds unasked"]
            if isinstance(node, ast.keyword) and node.arg == "feed_watchdog":
                asks = ast.unparse(node.value) == "self._life.may_feed(now)"
                found += [] if asks else [f"{name}: feed_watchdog={ast.unparse(node.value)}"]
    return found if fed == len(FEEDERS) else [*found, f"{fed} guarded places, not {len(FEEDERS)}"]


def _feeds(node: ast.AST) -> bool:
    """`x.pet()`, or `manager.alive(…)`; a worker's `alive()` asks and feeds nothing."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner = ast.unparse(node.func.value)
    return node.func.attr == "pet" or (node.func.attr == "alive" and "manager" in owner)


def flight_sources() -> dict[str, str]:
    """All flight software but the device's own driver, which pets once when it is opened."""
    return {
        str(path.relative_to(FLIGHT)): path.read_text()
        for path in FLIGHT.rglob("*.py")
        if path.name != "watchdog.py"
    }


def feeding_sources() -> dict[str, str]:
    """The two files that have to do with feeding."""
    return {name: (FLIGHT / name).read_text() for name in ("node_runner.py", "node.py")}


def test_only_one_place_feeds_and_it_asks_all_heartbeats():
    """By construction: `may_feed` of all heartbeats is the one way to a fed watchdog."""
    assert feeding_breaches(flight_sources()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("        if outputs.feed_watchdog:", "        if True:"),
        ("self._watchdog.pet()", "pass"),
        ("self._clock = SystemClock()", "self._watchdog.pet()"),
    ],
)
def test_blind_feeding_is_found(before, after):
    """The rule fails when it should."""
    sources = feeding_sources()
    assert before in sources["node_runner.py"]
    sources["node_runner.py"] = sources["node_runner.py"].replace(before, after, 1)
    assert feeding_breaches(sources)


def test_a_step_that_promises_feeding_is_found():
    """Nor may the node say so without asking."""
    sources = feeding_sources()
    sources["node.py"] = sources["node.py"].replace("self._life.may_feed(now)", "True", 1)
    assert feeding_breaches(sources)
