"""Model updates on the board: fetched in parts, rehearsed by the worker, on trial, kept or undone.

The controller offers an update; the board asks for its parts one by one, so a slow line is never
flooded. The worker, which may crash on it, rehearses it first. Then it serves on trial: unless the
ground confirms it in time, what was there before comes back. The time left is stored, so a restart
neither ends nor renews it; a trial that sees STARTS_MAX starts is undone as well.
Pure: messages and news come in, messages and orders to the model shelf go out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from hashlib import sha256

from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModels
from flight_sw.inference.worker_messages import Rehearse, Rehearsed, UpdateFailure
from flight_sw.worker_watch import WorkerWatch

PART_BYTES = 32_768
SILENCE_S = 20.0  # without the part that was asked for, the update is given up
KEEP_PERIOD_S = 5.0  # how often the time left of a trial is stored
STARTS_MAX = 3


@unique
class Act(Enum):
    """What the model shelf is asked to do."""

    LAY_OUT = "lay out"  # write the fetched update where the worker can read it
    INSTALL = "install"  # put the rehearsed update into its slot, on trial
    CONFIRM = "confirm"
    ROLL_BACK = "roll back"
    KEEP_TIME = "keep time"  # store how long a trial has left
    CHECK_GOLDEN = (
        "check golden"  # look at the next shard of the golden copies, whichever slot it is
    )


@dataclass(frozen=True, slots=True)
class ShelfOrder:
    """One thing to do with a slot of the model store."""

    act: Act
    slot: int
    data: bytes = b""
    left_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ShelfNews:
    """How an order ended; `why` is empty for success. LAY_OUT names file, folder and active model.

    CHECK_GOLDEN names the slot whose golden copy it was, and how many shards were mended.
    """

    act: Act
    slot: int
    why: str = ""
    places: tuple[str, str, str] = ("", "", "")
    mended: int = 0


@dataclass(slots=True)
class _Fetch:
    offer: m.OfferUpdate
    asked_s: float
    content: bytearray = field(default_factory=bytearray)
    places: tuple[str, str, str] | None = None
    rehearsing: bool = False
    installing: bool = False


class BoardUpdates:
    """At most one update on its way, and the trials of all slots.

    Args:
        trials: seconds left by slot, of trials that were under way when the board stopped.
    """

    def __init__(
        self,
        models: BoardModels,
        worker: WorkerWatch,
        min_coverage: float,
        trials: Mapping[int, float],
    ) -> None:
        self._models = models
        self._worker = worker
        self._min_coverage = min_coverage
        self._left_s = dict(trials)
        self._proving = set(trials)  # installed, and not yet loaded and proven in their slots
        self._fetch: _Fetch | None = None
        self._orders: list[ShelfOrder] = []
        self._told: list[m.Message] = []
        self._at_s: float | None = None
        self._keep_due_s = float("-inf")

    def obey(self, order: m.OfferUpdate | m.UpdatePart | m.SettleTrial, now: float) -> None:
        """One message of the controller."""
        if isinstance(order, m.OfferUpdate):
            self._take_offer(order, now)
        elif isinstance(order, m.UpdatePart):
            self._take_part(order, now)
        elif order.slot not in self._left_s:
            self._tell(order.slot, "NO_TRIAL")
        else:
            self._order(Act.CONFIRM if order.keep else Act.ROLL_BACK, order.slot)

    def rehearsed(self, news: Rehearsed) -> None:
        """What the worker thinks of the update."""
        fetch = self._fetch
        if fetch is None or news.update != fetch.offer.update:
            return
        fetch.rehearsing = False
        if news.reason is not None:
            self._refuse(news.reason, news.detail)
            return
        fetch.installing = True
        self._order(Act.INSTALL, fetch.offer.slot)

    def worker_lost(self) -> None:
        """The worker died or hung; if on the update, then that is refused."""
        if self._fetch is not None and self._fetch.rehearsing:
            self._refuse(UpdateFailure.CRASHED, "the worker died on it")

    def settled(self, slot: int, *, proven: bool) -> None:
        """The model in a slot was loaded anew: on trial it must be proven, or it goes at once."""
        if slot not in self._proving:
            return
        self._proving.discard(slot)
        if proven:
            self._tell(slot, "ON_TRIAL", left_s=self._left_s[slot])
        else:
            self._order(Act.ROLL_BACK, slot)

    def shelved(self, news: ShelfNews) -> None:
        """How an order to the model shelf ended."""
        if news.act in (Act.LAY_OUT, Act.INSTALL):
            self._installed(news)
        elif news.act in (Act.CONFIRM, Act.ROLL_BACK):
            if news.why:
                self._tell(news.slot, "KEPT", UpdateFailure.STORAGE, news.why)
                return
            self._left_s.pop(news.slot, None)
            self._proving.discard(news.slot)
            self._tell(news.slot, "CONFIRMED" if news.act is Act.CONFIRM else "ROLLED_BACK")

    def controller_lost(self) -> None:
        """The controller restarted: nobody sends the missing parts any more."""
        if self._fetch is not None and self._fetch.places is None:
            self._fetch = None
        self._told.clear()

    def introduce(self) -> list[m.Message]:
        """What a controller that knows nothing is told."""
        return [
            m.UpdateTold(slot, "ON_TRIAL", "", "", left_s)
            for slot, left_s in self._left_s.items()
            if slot not in self._proving
        ]

    def step(self, now: float) -> list[m.Message]:
        """Let time pass; what to tell the controller now."""
        elapsed_s = 0.0 if self._at_s is None else now - self._at_s
        self._at_s = now
        self._count_down(elapsed_s, now)
        fetch = self._fetch
        if fetch is not None and fetch.places is not None and not fetch.installing:
            self._rehearse(fetch, now)
        elif fetch is not None and fetch.places is None and now - fetch.asked_s > SILENCE_S:
            self._refuse(UpdateFailure.INTERRUPTED, "parts do not come")
        told, self._told = self._told, []
        return told

    def take_orders(self) -> tuple[ShelfOrder, ...]:
        """What the model shelf shall do now."""
        orders, self._orders = tuple(self._orders), []
        return orders

    def _take_offer(self, offer: m.OfferUpdate, now: float) -> None:
        if self._fetch is not None or offer.slot in self._left_s:
            why = "another update is under way" if self._fetch else "a model is on trial there"
            told = m.UpdateTold(offer.slot, "REFUSED", UpdateFailure.BUSY.value, why, 0.0)
            self._told.append(told)
            return
        self._fetch = _Fetch(offer, now)
        self._ask(self._fetch, now)

    def _take_part(self, part: m.UpdatePart, now: float) -> None:
        fetch = self._fetch
        is_next = fetch is not None and part.update == fetch.offer.update
        if fetch is None or not is_next or part.offset != len(fetch.content) or fetch.places:
            return
        fetch.content += part.data
        size = fetch.offer.size
        if not part.data or len(fetch.content) > size:
            self._refuse(UpdateFailure.INTERRUPTED, "the controller has no such part")
        elif len(fetch.content) < size:
            self._ask(fetch, now)
        elif sha256(fetch.content).digest() != fetch.offer.digest:
            self._refuse(UpdateFailure.DIGEST, "the parts do not make up the file")
        else:
            self._order(Act.LAY_OUT, fetch.offer.slot, data=bytes(fetch.content))

    def _ask(self, fetch: _Fetch, now: float) -> None:
        fetch.asked_s = now
        start = len(fetch.content)
        length = min(PART_BYTES, fetch.offer.size - start)
        self._told.append(m.WantPart(fetch.offer.update, start, length))

    def _rehearse(self, fetch: _Fetch, now: float) -> None:
        if fetch.rehearsing or fetch.places is None or not self._worker.ready:
            return
        fetch.rehearsing = True
        self._worker.rehearse(Rehearse(fetch.offer.update, *fetch.places, self._min_coverage), now)

    def _installed(self, news: ShelfNews) -> None:
        fetch = self._fetch
        if fetch is None:
            return
        if news.why:
            self._refuse(UpdateFailure.STORAGE, news.why)
        elif news.act is Act.LAY_OUT:
            fetch.places = news.places
        else:
            self._fetch = None
            self._left_s[news.slot] = fetch.offer.confirm_s
            self._proving.add(news.slot)
            self._order(Act.KEEP_TIME, news.slot, left_s=fetch.offer.confirm_s)

    def _count_down(self, elapsed_s: float, now: float) -> None:
        keep = now >= self._keep_due_s
        if keep:
            self._keep_due_s = now + KEEP_PERIOD_S
        for slot, left_s in self._left_s.items():
            self._left_s[slot] = left_s - elapsed_s
            if left_s > 0 >= self._left_s[slot]:
                self._order(Act.ROLL_BACK, slot)
            elif keep and self._left_s[slot] > 0:
                self._order(Act.KEEP_TIME, slot, left_s=self._left_s[slot])

    def _refuse(self, reason: UpdateFailure, detail: str) -> None:
        if self._fetch is not None:
            slot, self._fetch = self._fetch.offer.slot, None
            self._tell(slot, "REFUSED", reason, detail)

    def _order(self, act: Act, slot: int, data: bytes = b"", left_s: float = 0.0) -> None:
        self._orders.append(ShelfOrder(act, slot, data, left_s))

    def _tell(
        self,
        slot: int,
        state: str,
        reason: UpdateFailure | None = None,
        detail: str = "",
        left_s: float = 0.0,
    ) -> None:
        why = reason.value if reason else ""
        self._told.append(m.UpdateTold(slot, state, why, detail[:200], left_s))
