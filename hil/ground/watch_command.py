"""`vanallen watch`: what the payload says, live in the terminal or as JSON lines."""

import json
import sys
from collections import deque

from rich.console import Console
from rich.live import Live

from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import PortError
from hil.ground.client import Ground
from hil.ground.plain import plain
from hil.ground.reports import EventReport, Housekeeping
from hil.ground.screen import TITLES, clock, one_line, overview
from hil.ground.send_command import CONNECT_S, NOBODY, OK, Bench

EVENTS_SHOWN = 12
REFRESH_PER_S = 4
ONCE_S = 5.0
RETRY_S = 1.0


def watch(bench: Bench, *, once: bool, as_json: bool) -> int:
    """Show telemetry until ^C, or one overview with `once`; 69 if nobody is there."""
    ground = bench.ground()
    try:
        if once:
            return _once(ground, bench, as_json=as_json)
        if as_json or not sys.stdout.isatty():
            return _lines(ground, as_json=as_json)
        return _live(ground, bench)
    finally:
        ground.close()


def _once(ground: Ground, bench: Bench, *, as_json: bool) -> int:
    try:
        ground.connect(CONNECT_S)
    except PortError as error:
        if not bench.url.startswith("tcp://"):
            raise
        sys.stderr.write(f"vanallen: {error}\n")
        return NOBODY
    complete = ground.wait_until(lambda: set(TITLES) <= set(_latest(ground)), ONCE_S)
    if not complete:
        sys.stderr.write(f"vanallen: no housekeeping: {ground.why_silent()}\n")
        return NOBODY
    latest = _latest(ground)
    events = [one for one in ground.reports if isinstance(one, EventReport)]
    if as_json:
        samples = {str(number): plain(sample) for number, sample in latest.items()}
        told = {"housekeeping": samples, "events": [plain(event) for event in events]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        title = f"{bench.profile.name} at {bench.url}"
        Console().print(overview(latest, events[-EVENTS_SHOWN:], bench.profile, title))
    return OK


def _lines(ground: Ground, *, as_json: bool) -> int:
    """One line per report, for files and pipes; for people without the routine of verification."""
    _open_patiently(ground)
    while True:
        for report in ground.poll(RETRY_S):
            if as_json:
                sys.stdout.write(json.dumps(plain(report)) + "\n")
            elif isinstance(report, EventReport | Housekeeping):
                sys.stdout.write(f"{clock(report.time)} {one_line(report)}\n")
        sys.stdout.flush()


def _live(ground: Ground, bench: Bench) -> int:
    events: deque[EventReport] = deque(maxlen=EVENTS_SHOWN)
    kept: dict[int, Housekeeping] = {}  # the last samples stay in sight while the link is down
    with Live(refresh_per_second=REFRESH_PER_S, transient=False) as live:
        live.update(f"{bench.profile.name} at {bench.url}: waiting for a controller …")
        _open_patiently(ground)
        while True:
            events.extend(
                one for one in ground.poll(1 / REFRESH_PER_S) if isinstance(one, EventReport)
            )
            kept.update(_latest(ground))
            state = "" if ground.is_connected else f"  LINK DOWN: {ground.why_silent()}"
            title = f"{bench.profile.name} at {bench.url}{state}   (^C ends)"
            live.update(overview(kept, events, bench.profile, title))


def _open_patiently(ground: Ground) -> None:
    """Whoever watches may be there before the controller is."""
    while True:
        try:
            ground.connect(RETRY_S)
        except PortError:
            if not ground.url.startswith("tcp://"):
                raise
        else:
            return


def _latest(ground: Ground) -> dict[int, Housekeeping]:
    samples = {number: ground.housekeeping(number) for number in HOUSEKEEPING}
    return {number: sample for number, sample in samples.items() if sample is not None}
