"""A board that runs: programs started, ground connected, board identified, models told.

The same steps whatever the board is: emulated here, tethered by its serial line (the controller runs on
this machine), or with its own controller behind a space link. What ends meanwhile is started again, for
a reboot is a normal event on a bench.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import PortError, VanAllenError
from hil import places
from hil.applications.models import SLOT_MODELS
from hil.faults.rig_client import RigClient
from hil.ground.archive import Archive
from hil.ground.client import Ground
from hil.ground.link import Tap
from hil.ground.reports import EventReport, Housekeeping, ModelReport
from hil.ground.request import GroundError
from hil.rig.board_stack import BoardStack
from hil.rig.hold import HeldBoard
from hil.rig.infrastructure import INFRASTRUCTURE, BoardUnavailable, WrongBoard
from hil.rig.patience import Patience, patience
from hil.rig.programs import START_S
from hil.rig.versions import our_version

LOOK_S = 0.05
PERIOD_S = 0.2  # of housekeeping, so that a test need not wait for it
SAFE_S = 15.0
ASK_S = 0.5
BOARD, LINK = 1, 2  # housekeeping structures


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """What the board says of itself."""

    board: str
    serial_number: str
    boots: int


class RunningBoard:
    """One held board with everything around it up; made by `start`, ended by `close`."""

    def __init__(self, held: HeldBoard) -> None:
        self.held = held
        self.entry = held.entry
        self.scale = held.options.timeout_scale
        self.stack = BoardStack(held)
        self.patience: Patience = patience(held.entry.profile)
        self.models: dict[str, ModelReport] = {}
        self.identity = BoardIdentity("", "", 0)
        # Boots in a row that have not held for a minute start less and less (radiation.boot_guard),
        # so the next test after a restart gets a stack of its own.
        self.is_spent = False
        self.tap: Tap | None = None
        self._jobs = 0
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise

    @property
    def hand(self) -> RigClient | None:
        """What reaches into an emulated board; None for a real one."""
        return self.stack.hand

    @property
    def models_folder(self) -> Path:
        """The slots of an emulated board's models."""
        return self.stack.models_folder

    def now_s(self) -> float:
        """This machine's monotonic clock."""
        return time.monotonic()

    def within(self, seconds: float) -> float:
        """A limit, longer on a rig that was said to be slow."""
        return seconds * self.scale

    def next_job(self) -> int:
        """A job number that no test on this stack has used."""
        self._jobs += 1
        return self._jobs

    def check(self) -> None:
        """Raise StackFailed if one of our programs has ended."""
        self.stack.check()

    def close(self) -> None:
        """Bring everything down; closing twice is harmless."""
        self.stack.close()

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Receive until the condition holds; False when the (scaled) time is up."""
        return self.ground.wait_until(condition, self.within(within_s))

    def housekeeping(self, structure: int = BOARD) -> Housekeeping:
        """A sample that was taken after this call.

        Raises:
            BoardUnavailable: none comes.
        """
        asked_s = self.now_s()
        while self.now_s() - asked_s < self.within(SAFE_S):
            try:
                self.ground.send("report-housekeeping", structure=structure).done()
            except GroundError:
                continue
            found = self.ground.housekeeping(structure)
            if found is not None:
                return found
        raise self._unavailable("no housekeeping comes")

    def to_safe(self) -> None:
        """Lead the payload into SAFE, its board off."""
        if self.housekeeping().values["mode"] != "SAFE":
            self.ground.send("set-mode", mode="SAFE").done(self.within(SAFE_S))
        self._need("goes to SAFE", lambda: self._is("mode", "SAFE"), SAFE_S)
        if "supply" in self.features:
            self._need("board off in SAFE", lambda: self._is("board", "OFF"), SAFE_S)

    def to_nominal(self) -> None:
        """Lead the payload to work, with its board up and every model told.

        Raises:
            BoardUnavailable: the board does not come up, or a model is missing.
        """
        if self.housekeeping().values["mode"] == "SAFE":
            self.models.clear()
            self.ground.send("set-mode", mode="NOMINAL").done(self.within(SAFE_S))
        self._need("board up", lambda: self._is("board", "UP"), self.patience.board_up_s)
        if not self.models or self._models_changed():
            self._need("models loaded", self._ask_models, self.patience.models_s)
        self._need("back to work", lambda: self._is("mode", "NOMINAL"), self.patience.models_s)

    def model(self, name: str) -> ModelReport:
        """A model in the board's slots; of a real board it may be told later than others.

        Raises:
            BoardUnavailable: the board does not have it.
        """
        if name not in self.models:
            with suppress(BoardUnavailable):
                self._need("model", lambda: self._tells(name), self.patience.models_s)
        if name not in self.models:
            raise self._unavailable(f"has no model {name}; upload it: vanallen model upload {name}")
        return self.models[name]

    def restart_controller(self, *, kill: bool = False) -> None:
        """End the controller and start it anew; `kill` leaves it no moment to store anything."""
        self.stack.restart_controller(kill=kill)
        self._need("controller answers again", self._answers, START_S)
        self._quicken()
        self.models.clear()
        self.is_spent = True

    def power_cycle(self) -> None:
        """Cut the board's supply from outside and restore it."""
        self.stack.cut_power()

    @property
    def features(self) -> frozenset[str]:
        """What this board can do."""
        from hil.rig.needs import features_of

        return features_of(self.entry)

    def _bring_up(self) -> None:
        stack = self.stack
        stack.folder.mkdir(parents=True, exist_ok=True)
        self.held.hooks.flash(self.held.options.flash, our_version())
        keys = stack.start()
        is_ours = self.entry.section.link == "board"
        state = stack.state("ground") if is_ours else places.ground_state()
        archive = Archive(stack.folder / "telemetry.sqlite")
        self.ground = Ground(stack.space, keys, state, self.entry.profile, archive)
        stack.at_close(self._hang_up)
        self._connect()
        self._identify()

    def _connect(self) -> None:
        end_s = self.now_s() + self.within(START_S)
        while True:
            self.check()
            try:
                self.ground.connect(within_s=ASK_S)
            except PortError as error:
                if self.now_s() > end_s:
                    raise self._unavailable(f"nobody answers: {error}") from error
            else:
                break
        self._need("answers a ping", self._answers, START_S)
        self._quicken()

    def _quicken(self) -> None:
        """A controller that has just started reports as seldom as in flight."""
        for structure in (BOARD, LINK):
            self.ground.send("set-housekeeping-period", structure=structure, period=PERIOD_S).done(
                self.within(SAFE_S)
            )

    def _identify(self) -> None:
        """To work once, for the board tells its name and serial number when it comes up."""
        self.to_safe()
        self.ground.forget()
        self.ground.send("set-mode", mode="NOMINAL").done(self.within(SAFE_S))
        told: list[EventReport] = []

        def look() -> bool:
            for one in self.ground.poll():
                if isinstance(one, EventReport) and one.name == "board-up":
                    told.append(one)
                elif isinstance(one, EventReport) and one.values.get("after") == "SAFE":
                    self.ground.send("set-mode", mode="NOMINAL")  # it gave up: too slow a machine
            return bool(told)

        self._need("board says who it is", look, self.patience.board_up_s)
        values = told[-1].values
        self.identity = BoardIdentity(
            str(values["name"]), str(values["serial_number"]), int(values["boots"])
        )
        wanted = self.entry.section.serial_number
        if wanted is not None and wanted != self.identity.serial_number:
            raise WrongBoard(
                f"board {self.entry.name}: serial number {self.identity.serial_number} answers, "
                f"{wanted} was expected; is the cable in another board?"
            )
        self.to_nominal()

    def _need(self, what: str, condition: Callable[[], bool], within_s: float) -> None:
        end_s = self.now_s() + self.within(within_s)
        while not self.ground.wait_until(condition, LOOK_S):
            self.check()
            if self.now_s() > end_s:
                raise self._unavailable(f"{what}: not within {self.within(within_s):g} s")

    def _answers(self) -> bool:
        try:
            self.ground.send("ping").done(self.within(1.0))
        except GroundError:
            return False
        return True

    def _is(self, name: str, value: str) -> bool:
        found = self.ground.housekeeping(BOARD)
        return found is not None and found.values[name] == value

    def models_told(self) -> list[ModelReport]:
        """Every model in every slot, as the board tells it now."""
        since = len(self.ground.reports)
        try:
            self.ground.send("report-models").done(self.within(ASK_S * 4))
        except GroundError:
            return []
        return [one for one in self.ground.reports[since:] if isinstance(one, ModelReport)]

    @contextmanager
    def overheard(self, ear: Tap) -> Iterator[None]:
        """Let somebody listen to the link beside whoever does so now."""
        before = self.tap

        def both(way: str, data: bytes) -> None:
            ear(way, data)
            if before is not None:
                before(way, data)

        self.listen(both)
        try:
            yield
        finally:
            self.listen(before)

    def listen(self, tap: Tap | None) -> int:
        """As the ground's `listen`, remembered."""
        self.tap = tap
        return self.ground.listen(tap)

    def _models_changed(self) -> bool:
        """A board that has rebooted tells its models anew, some of them later."""
        return len(self._told_models()) != len(self.models)

    def _ask_models(self) -> bool:
        wanted = set(SLOT_MODELS) if self.hand is not None else set()
        self.models = self._told_models()
        return bool(self.models) and wanted <= self.models.keys()

    def _tells(self, name: str) -> bool:
        self.models = self._told_models()
        return name in self.models

    def _told_models(self) -> dict[str, ModelReport]:
        told = reversed(self.models_told())  # of one model in two slots the first counts
        return {one.name: one for one in told}

    def _unavailable(self, why: str) -> BoardUnavailable:
        said = [f"board {self.entry.name}: {why}", self.ground.why_silent()]
        link = self.ground.housekeeping(LINK)
        if link is not None and link.values["link_resyncs"]:
            said.append(
                f"{link.values['link_resyncs']} damaged frames on the board link: is it our node, "
                "at this speed?"
            )
        said.append(self.stack.last_words)
        return BoardUnavailable("; ".join(filter(None, said)))

    def _hang_up(self) -> None:
        with suppress(VanAllenError):  # a line that is gone cannot be hung up
            self.ground.close()


def start(held: HeldBoard) -> RunningBoard:
    """Take the board and bring it up.

    Raises:
        RigError: busy, not answering or the wrong one; a mistake of the user as UserError.
    """
    held.take()
    try:
        return RunningBoard(held)
    except INFRASTRUCTURE as error:
        if isinstance(error, BoardUnavailable):
            raise
        raise BoardUnavailable(f"board {held.name}: {error}") from error
