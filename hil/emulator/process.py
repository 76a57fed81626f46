"""The emulator's main loop: one thread that waits for bytes, requests and the next due moment."""

import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

import msgspec

from hil.emulator.claim import Claim
from hil.emulator.injector import Injector
from hil.emulator.machine import Machine
from hil.emulator.rig_port import RigPort
from hil.emulator.settings import (
    RIG_SUFFIX,
    SUPPLY_SUFFIX,
    EmulatorOptions,
    beside,
    read_profile,
)
from hil.emulator.stand import Stand
from hil.faults.rig_messages import (
    Environment,
    Inject,
    Log,
    Noise,
    Plant,
    PlantReport,
    Regions,
    Request,
    Verify,
    encode_reply,
)


class BoardMachine(Protocol):
    """Any board that the rig can hold in its hand, whatever computes inside it."""

    stand: Stand
    injector: Injector

    def step(self, now_s: float) -> None:
        """Do what is due."""
        ...

    def wake_at_s(self, now_s: float) -> float:
        """When `step` is due again."""
        ...

    def report(self, now_s: float) -> PlantReport:
        """The true state of the board."""
        ...

    def close(self) -> None:
        """Cut the power and put everything away."""
        ...


def run_emulator(options: EmulatorOptions) -> int:
    """Be the board until SIGTERM or SIGINT; return the exit code.

    Raises:
        UserError: the profile, the link or the node's arguments are wrong.
    """
    profile, silicon = read_profile(options.profile)
    return run_machine(options, lambda: Machine(options, profile, silicon))


def run_machine(options: EmulatorOptions, build: Callable[[], BoardMachine]) -> int:
    """Claim link and folder, build the machine, serve it and the rig's port until told to stop."""
    claim = Claim(options.link, options.state_dir)
    try:
        machine = build()
        try:
            rig = RigPort(beside(options.link, RIG_SUFFIX))
            try:
                _announce(options)
                _loop(machine, rig)
            finally:
                rig.close()
        finally:
            machine.close()
    finally:
        claim.release()
    return 0


class _StopRequest:
    """Set by the first SIGTERM or SIGINT, so that the loop ends in order."""

    def __init__(self) -> None:
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 its shape
        self.stopping = True


def _loop(machine: BoardMachine, rig: RigPort) -> None:
    stop = _StopRequest()
    while not stop.stopping:
        now_s = time.monotonic()
        machine.step(now_s)
        rig.service(lambda request: _answer(machine, request))
        now_s = time.monotonic()
        wait_s = 0.0 if rig.has_requests else max(0.0, machine.wake_at_s(now_s) - now_s)
        readers = [*machine.stand.cable.filenos(), *rig.filenos()]
        select.select(readers, rig.write_filenos(), [], wait_s)


def _answer(machine: BoardMachine, request: Request) -> bytes:
    now_s = time.monotonic()
    match request:
        case Regions():
            return encode_reply(machine.injector.regions())
        case Inject(fault):
            return encode_reply(machine.injector.inject(fault, now_s))
        case Environment():
            return encode_reply(machine.stand.set_environment(_given(request)))
        case Plant():
            return encode_reply(machine.report(now_s))
        case Log(since):
            return encode_reply(machine.injector.log(since))
        case Noise():
            return encode_reply(machine.stand.set_noise(_given(request)))
        case Verify(number):
            return encode_reply(machine.injector.verify(number))


def _given(request: Environment | Noise) -> dict[str, Any]:
    """Return the fields that a request really names."""
    values = {name: getattr(request, name) for name in request.__struct_fields__}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _announce(options: EmulatorOptions) -> None:
    link = options.link
    lines = [
        f"board port    {link}",
        f"supply switch {beside(link, SUPPLY_SUFFIX)}/",
        f"rig port      {beside(link, RIG_SUFFIX)}",
        f"board files   {options.state_dir}/",
    ]
    if options.time_scale != 1:
        lines.append(f"heat runs {options.time_scale:g} times faster than the flight software")
    state = beside(link, SUPPLY_SUFFIX) / "state"
    if state.read_text().strip() == "0":
        lines.append(f"the supply is switched off: write 1 to {state} or start the controller")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
