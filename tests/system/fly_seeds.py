"""Fly seeds in virtual time and print each trace: fly_seeds.py FIRST COUNT, one JSON line a seed."""

import json
import sys

from hil.simulation.flight import FlightOptions, fly, rerun, summary

# Short, and busy enough that upsets, crashes, jobs and mode changes all happen.
FLIGHT = {
    "days": 0.01650123,  # more digits than `%g` would print
    "jobs_per_day": 5000,
    "acceleration": 3e7,
    "device_acceleration": 3e3,
    "level": "high",
}


def main(first: int, count: int) -> None:
    """Fly each of them."""
    for seed in range(first, first + count):
        options = FlightOptions(seed=seed, **FLIGHT)
        flight = fly(options)
        figures = summary(flight)
        line = {
            "seed": seed,
            "trace": flight.mission.trace_hash,
            "landed": figures["hits"]["landed"],
            "jobs": figures["jobs"]["answered"],
            "days": options.days,
            "wrong": figures["jobs"]["wrong"],
            "again": rerun(options),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
