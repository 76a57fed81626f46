"""A simulated flight from its options to its summary: orbit, board, jobs and particles put together."""

import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from flight_sw.devices.shared_memory import SharedMemory
from flight_sw.errors import ProfileError
from flight_sw.inference.bundle import Guarding
from flight_sw.inference.job import Protection
from flight_sw.inference.tensors import pack
from flight_sw.profile import LookAhead, Profile
from hil import board_files
from hil.applications.golden import GoldenTwin, same_bits
from hil.applications.models import SLOT_MODELS, find_model
from hil.campaign.segments import draw_segment
from hil.emulator.settings import Silicon, Work, power_model, read_profile, thermal_node
from hil.environment.camera import take_picture
from hil.environment.conditions import Conditions, conditions_along
from hil.environment.flown_board import BoardPhysics, FlownBoard
from hil.environment.flux import SolarPhase
from hil.environment.orbit import load_orbit
from hil.environment.radiation import Exposure, Hit, Level, Radiation, Targets, arrivals
from hil.environment.solar_storm import SolarStorm
from hil.environment.vehicle import load_vehicle
from hil.kernel import poisson_arrivals, stream
from hil.rig.versions import our_commit
from hil.simulation.board import BoardParts, VirtualBoard
from hil.simulation.links import Links
from hil.simulation.mission import Job, Log, Manner, Mission
from hil.simulation.pace import Pace
from hil.simulation.shelf import Shelf, fill

DAY_S = 86_400.0
LAST_JOB_S = 1200.0  # jobs stop so long before the end, that their answers come down
VOTED_BYTES = 3 * 24  # three copies of the node's voted record
BITS = 8
WORKING = frozenset({"NOMINAL", "DEGRADED"})
CLIPPED = frozenset({Protection.STANDARD, Protection.HIGH})  # both of their graphs have clips


@dataclass(frozen=True, slots=True)
class FlightOptions:
    """What to fly; `acceleration` is of memory hits, `device_acceleration` of crashes."""

    orbit: str = "leo-550"
    days: float = 1.0
    seed: int = 1
    board: str = "emulated"
    vehicle: str = "cubesat-12u"
    level: Level = "nominal"
    acceleration: float = 1.0
    device_acceleration: float = 1.0
    jobs_per_day: float = 144.0
    storms: tuple[SolarStorm, ...] = ()
    pace: Pace = field(default_factory=Pace)
    links: Links = field(default_factory=Links)
    protection: Literal["none", "standard", "high", "vote"] = "standard"
    governor: Literal["look-ahead", "staircase"] = "look-ahead"
    solar: Literal["min", "max"] = "min"


@dataclass(frozen=True, slots=True)
class Flight:
    """A flight that was flown, with all that a report needs."""

    options: FlightOptions
    profile: Profile
    conditions: Conditions
    mission: Mission
    jobs: tuple[Job, ...]
    hits: tuple[Hit, ...]
    golden: Mapping[int, bytes]
    declared: tuple[str, ...]

    @property
    def log(self) -> Log:
        """What the flight left behind."""
        return self.mission.log


def fly(options: FlightOptions, progress: Callable[[float], None] = lambda _: None) -> Flight:
    """Fly it; `progress` is told the share done.

    Raises:
        UserError: orbit, board or vehicle cannot be used.
    """
    _, orbit = load_orbit(options.orbit)
    profile, silicon = read_profile(board_files.find_board(options.board))
    work, radiation = _needed(silicon, options.board)
    vehicle = load_vehicle(options.vehicle)
    protection = Protection(options.protection)
    duration_s = options.days * DAY_S
    solar = SolarPhase[options.solar.upper()]
    conditions = conditions_along(orbit, duration_s, solar)
    names = dict(enumerate(SLOT_MODELS, start=1))
    paths = {slot: find_model(name) for slot, name in names.items()}
    table = silicon.heat.firmware_table
    physics = BoardPhysics(power_model(profile, silicon), thermal_node(silicon), table)
    jobs = _jobs(options, conditions, names)
    memory = SharedMemory()
    try:
        with tempfile.TemporaryDirectory(prefix="vanallen-sim-") as folder:
            shelf = fill(Path(folder) / "slots", SLOT_MODELS, protection)
            twins = _twins(paths, shelf.guarding if protection in CLIPPED else {})
            flown = _governed(options, profile, physics, work)
            parts = BoardParts(flown, work, shelf.folder, memory.directory, shelf.macs, protection)
            sessions = stream(options.seed, "board-session")
            board = VirtualBoard(parts, FlownBoard(physics, vehicle, conditions), sessions)
            manner = Manner(options.pace, options.links)
            mission = Mission(flown, board, options.seed, manner, conditions.start_s)
            mission.protection = options.protection
            exposure = _exposure(options, radiation, shelf)
            hits = arrivals(exposure, conditions, options.seed)
            mission.plan_hits(hits)
            mission.plan_jobs(jobs)
            for reached_s in mission.run(duration_s):
                progress(reached_s / duration_s)
            board.fall()
    finally:
        memory.close()
    golden = {job.id: twins[job.slot].answer(job.input) for job in jobs}
    declared = _declared(options, profile, exposure)
    return Flight(options, profile, conditions, mission, tuple(jobs), tuple(hits), golden, declared)


def _twins(paths: Mapping[int, Path], guarding: Mapping[int, Guarding]) -> dict[int, GoldenTwin]:
    """Of what flies: a clip rightly changes the answer to an input beyond all of its calibration."""
    return {slot: GoldenTwin(path, guarding.get(slot)) for slot, path in paths.items()}


def summary(flight: Flight) -> dict[str, Any]:
    """The figures of a flight; everything in it follows from the options alone."""
    log, physics = flight.log, flight.mission.board.physics
    duration_s = flight.options.days * DAY_S
    equal = {job for job, (_, out) in log.results.items() if same_bits(out, flight.golden[job])}
    due_s = {job.id: job.at_s + job.deadline_s for job in flight.jobs}
    on_time = [job for job in equal if log.results[job][0] <= due_s[job]]
    return {
        "orbit": flight.options.orbit,
        "days": flight.options.days,
        "seed": flight.options.seed,
        "trace_hash": flight.mission.trace_hash,
        "steps": flight.mission.timeline.steps,
        "hits": _hits(flight),
        "jobs": {
            "submitted": len(flight.jobs),
            "answered": len(log.results),
            "equal_to_golden": len(equal),
            "wrong": len(log.results) - len(equal),
            "on_time": len(on_time),
            "withdrawn": log.withdrawn,
            "failed": len(log.failed),
        },
        "telecommands": {
            "sent_again": flight.mission.ground.repeated,
            "given_up": flight.mission.ground.given_up,
        },
        "availability": round(availability(log, duration_s), 5),
        "mode_at_end": log.modes[-1][1] if log.modes else "BOOT",
        "max_temp_c": round(physics.max_temp_c, 2),
        "energy_wh": round(physics.energy_j / 3600, 3),
        "lowest_charge": round(physics.battery.lowest, 4),
        "brown_outs": physics.damage.brown_outs,
        "trips": physics.damage.trips,
        "boots": flight.mission.board.boots,
        "broken": physics.damage.broken,
        "operator_actions": log.operator_actions,
        "heat_lost_j": round(physics.heat.lost_j, 6),
        "declared": list(flight.declared),
    }


def _hits(flight: Flight) -> dict[str, Any]:
    landed = [entry for entry in flight.log.landed if not entry.void]
    return {
        "planned": len(flight.hits),
        "landed": len(landed),
        "void": len(flight.log.landed) - len(landed),
        "by_effect": dict(sorted(Counter(e.hit.effect.value for e in landed).items())),
    }


def availability(log: Log, duration_s: float) -> float:
    """Share of the time in which the payload took jobs."""
    total_s, since_s = 0.0, None
    for at_s, mode in [*log.modes, (duration_s, "END")]:
        if since_s is not None:
            total_s += at_s - since_s
        since_s = at_s if mode in WORKING else None
    return total_s / duration_s


def passed(flight: Flight) -> bool:
    """No wrong answer, and at the end a mode that answers."""
    figures = summary(flight)
    return bool(figures["jobs"]["wrong"] == 0 and figures["mode_at_end"] != "BOOT")


def rerun(options: FlightOptions) -> str:
    """The one line that flies this again, for a shell; every number to its last digit."""
    given = {
        "orbit": options.orbit,
        "days": _exact(options.days),
        "seed": str(options.seed),
        "board": options.board,
        "vehicle": options.vehicle,
        "level": options.level,
        "acceleration": _exact(options.acceleration),
        "crash-acceleration": _exact(options.device_acceleration),
        "jobs-per-day": _exact(options.jobs_per_day),
    }
    words = [f"--{name} {shlex.quote(value)}" for name, value in given.items()]
    chosen = {
        "protection": (options.protection, "standard"),
        "governor": (options.governor, "look-ahead"),
        "solar": (options.solar, "min"),
    }
    words += [f"--{name} {word}" for name, (word, usual) in chosen.items() if word != usual]
    links = options.links
    if links.space_bit_error_rate:
        words.append(f"--space-bit-errors {_exact(links.space_bit_error_rate)}")
    if links.bit_error_rate:
        words.append(f"--bit-errors {_exact(links.bit_error_rate)}")
    if links.has_gaps:
        words.append(f"--contact-every {_exact(links.contact_every_s / 60)}")
        words.append(f"--contact {_exact(links.contact_s / 60)}")
    words += [f"--storm {s.name}@{_exact(s.onset_s / 3600)}" for s in options.storms]
    commit = f"  # at commit {our_commit()}" if our_commit() else ""
    return " ".join(["vanallen simulate", *words]) + commit


def _exact(value: float) -> str:
    """Short where that says it all; `%g` alone drops digits, and another flight would be flown."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _needed(silicon: Silicon, board: str) -> tuple[Work, Radiation]:
    if silicon.work is None or silicon.radiation is None:
        raise ProfileError(
            f"{board}: virtual time needs `emulated.work` and `emulated.radiation`; "
            "copy both from boards/emulated.yaml"
        )
    return silicon.work, silicon.radiation


def _governed(
    options: FlightOptions, profile: Profile, physics: BoardPhysics, work: Work
) -> Profile:
    paced = options.links.coded(options.pace.stretch(profile))
    if options.governor == "staircase":
        return msgspec.structs.replace(paced, look_ahead=None)
    return _with_look_ahead(paced, physics, work)


def _with_look_ahead(profile: Profile, physics: BoardPhysics, work: Work) -> Profile:
    """The profile with what the look-ahead governor believes of this board, unless it says so itself."""
    if profile.look_ahead is not None:
        return profile
    power, die = physics.power, physics.die
    levels = profile.frequency.levels_mhz
    believed = LookAhead(
        idle_w=power.idle_w,
        busy_w=tuple(power.board_w(float(mhz), work.busy_cores) for mhz in levels),
        resistance_k_per_w=die.resistance_k_per_w,
        time_constant_s=die.time_constant_s,
    )
    return msgspec.structs.replace(profile, look_ahead=believed)


def _exposure(options: FlightOptions, radiation: Radiation, shelf: Shelf) -> Exposure:
    return Exposure(
        radiation,
        Targets(shelf.staged_bytes * BITS, VOTED_BYTES * BITS),
        options.level,
        options.acceleration,
        options.device_acceleration,
        options.storms,
    )


def _jobs(options: FlightOptions, conditions: Conditions, names: Mapping[int, str]) -> list[Job]:
    """Pictures along the ground track and telemetry to judge, as a Poisson stream each."""
    jobs: list[Job] = []
    end_s = max(0.0, options.days * DAY_S - LAST_JOB_S)
    for slot, name in names.items():
        chance = stream(options.seed, f"jobs:{name}")
        rate_per_s = options.jobs_per_day / DAY_S / len(names)
        for at_s in poisson_arrivals(chance, rate_per_s, min(120.0, end_s), end_s):
            if name == "hotspot":
                data = pack([take_picture(conditions, at_s, options.seed).scene.bands[None]])
            else:
                data = pack([draw_segment(chance)[None]])
            jobs.append(Job(len(jobs) + 1, at_s, slot, data, 600.0))
    return sorted(jobs, key=lambda job: job.at_s)


def _declared(options: FlightOptions, profile: Profile, exposure: Exposure) -> tuple[str, ...]:
    size_kib = exposure.targets.weight_bits / BITS / 1024
    hits = (
        f"cross-sections {options.level}; hits in {size_kib:.0f} KiB of weights times "
        f"{options.acceleration:g}, crashes times {options.device_acceleration:g}"
    )
    lines = [
        options.pace.declared(profile),
        hits,
        f"trapped protons: AP8 at solar {options.solar}imum, static, true to about a factor of two",
        "durations of inference are modelled from the profile; results are real",
    ]
    if options.protection != "standard":
        lines.append(f"every job of protection class {options.protection}")
    if options.governor != "look-ahead":
        lines.append(f"the {options.governor} governs alone")
    lines += [f"solar storm {s.name} from hour {s.onset_s / 3600:g}" for s in options.storms]
    return (*lines, *options.links.declared())
