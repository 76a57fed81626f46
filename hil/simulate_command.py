"""`vanallen simulate`: its options, read into what `hil.simulation` flies."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from flight_sw.errors import UserError
from hil.desk import Board, Json

Class = Literal["none", "standard", "high", "vote"]
Governor = Literal["look-ahead", "staircase"]
Level = Literal["low", "nominal", "high"]
Solar = Literal["min", "max"]

Orbit = Annotated[str, typer.Option(help="Shipped orbit, or a .yaml file.")]
Days = Annotated[float, typer.Option(help="How long to fly, in days.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same flight, bit for bit.")]
Spacecraft = Annotated[str, typer.Option(help="Shipped spacecraft, or a .yaml file.")]
OfJobs = Annotated[str, typer.Option(help="Of every job: none, standard, high or vote.")]
WhoGoverns = Annotated[str, typer.Option(help="look-ahead or staircase.")]
Areas = Annotated[str, typer.Option(help="Cross-sections: low, nominal or high.")]
Cycle = Annotated[str, typer.Option(help="Phase of the solar cycle: min or max.")]
OfHits = Annotated[float, typer.Option(min=0, help="Of memory hits.")]
OfCrashes = Annotated[float, typer.Option(min=0, help="Of crashes.")]
Rate = Annotated[float, typer.Option(min=0, max=5000)]
Storms = Annotated[list[str] | None, typer.Option(help="Solar storm, such as S3@6.")]
BoardNoise = Annotated[
    float, typer.Option(min=0, max=0.01, help="Bit error rate of the board's line.")
]
SpaceNoise = Annotated[
    float, typer.Option(min=0, max=0.001, help="Bit error rate of the space link.")
]
Every = Annotated[
    float, typer.Option(min=0, help="Minutes between contacts; 0: the ground always listens.")
]
Contact = Annotated[float, typer.Option(min=1, help="Minutes of one contact.")]
Out = Annotated[Path, typer.Option(help="Folder of the run.")]


def simulate(
    orbit: Orbit = "leo-550",
    days: Days = 1.0,
    seed: Seed = 1,
    board: Board = "emulated",
    vehicle: Spacecraft = "cubesat-12u",
    protection: OfJobs = "standard",
    governor: WhoGoverns = "look-ahead",
    level: Areas = "nominal",
    solar: Cycle = "min",
    acceleration: OfHits = 1e5,
    crash_acceleration: OfCrashes = 10.0,
    jobs_per_day: Rate = 144.0,
    storm: Storms = None,
    bit_errors: BoardNoise = 0.0,
    space_bit_errors: SpaceNoise = 0.0,
    contact_every: Every = 0.0,
    contact: Contact = 10.0,
    out: Out = Path("runs/simulation"),
    as_json: Json = False,
) -> None:
    """Fly days in orbit in seconds: the whole stack in virtual time, with Sun, heat and particles."""
    from hil.environment.solar_storm import parse_storm
    from hil.simulation.command import simulate_command
    from hil.simulation.flight import FlightOptions
    from hil.simulation.links import Links

    options = FlightOptions(
        orbit, days, seed, board, vehicle,
        acceleration=acceleration,
        device_acceleration=crash_acceleration,
        jobs_per_day=jobs_per_day,
        storms=tuple(parse_storm(text) for text in storm or []),
        links=Links(bit_errors, contact_every * 60, contact * 60, space_bit_errors),
        protection=one_of("--protection", protection, Class),
        governor=one_of("--governor", governor, Governor),
        level=one_of("--level", level, Level),
        solar=one_of("--solar", solar, Solar),
    )  # fmt: skip
    raise typer.Exit(simulate_command(options, out, as_json=as_json))


def one_of(option: str, given: str, known: Any) -> Any:
    """The word, if the literal type `known` has it.

    Raises:
        UserError: it has not.
    """
    words = get_args(known)
    if given not in words:
        raise UserError(f"{option} {given}: write {', '.join(words[:-1])} or {words[-1]}")
    return given
