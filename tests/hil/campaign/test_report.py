"""The report page: everything in it, nothing beside it, and nobody's text becomes markup."""

import html.parser
from dataclasses import replace

import pytest

from hil.campaign.judge import judge
from hil.campaign.plots import PlantSample, ReportedSample, Traces
from hil.campaign.record import Event, Flight, Injection, JobCounts, Planned
from hil.campaign.report import EventLine, Report, ResultLine, Step, render


@pytest.fixture
def report():
    """A small flight: one corrected flip, one silent one, one void."""
    plan = tuple(Planned(i, 2.0 + i, "weight-flip", 0.5, 0.0, "upset") for i in range(3))
    flight = Flight(
        plan=plan,
        injections=(
            Injection(0, 2.0, True, "weights.1", 3, 1),
            Injection(1, 3.0, True, "weights.1", 4, 1),
        ),
        events=(Event(2.4, "page-corrected", {"region": "weights.1", "page": 3, "bits": 1}),),
        answers=(),
        jobs=JobCounts(frozenset({1})),
        golden={1: b"x"},
        regions={1: "weights.1"},
        damaged=frozenset({("weights.1", 4)}),
        ended_s=6.0,
        mode="NOMINAL",
        board="UP",
    )  # fmt: skip
    verdict = judge(flight)
    plant = [PlantSample(i / 2, 40 + 4 * i, 20, 3 + i % 2, 1800) for i in range(13)]
    said = [ReportedSample(one.at_s, one.temp_c + 0.3, one.power_w, 1800) for one in plant[:-2]]
    said.append(ReportedSample(6.0, None, 0.0, 0))
    return Report(
        title="A test flight",
        passed=False,
        summary={
            "scenario": "x",
            "board": "emulated",
            "seed": 7,
            "protection": "standard",
            "max_temp_c": 88.0,
            "jobs": {"submitted": 1, "done": 0},
        },
        declared=["Heat runs 20 times faster than the software's clock."],
        rerun="vanallen run --seed 7",
        traces=Traces(plant, said, verdict.judged, (74, 80, 85), 6.0),
        verdict=verdict,
        steps=[Step("board up", True, "after 1.2 s")],
        events=[EventLine(2.4, "CTRL", "corrected <script>alert(1)</script>", 2)],
        results=[ResultLine(1, "hotspot", None, 0, 0, "", None)],
    )


class _Links(html.parser.HTMLParser):
    """Collects what a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            outside = value and not value.startswith("#")
            if (name in ("src", "href", "xlink:href") and outside) or tag in ("script", "link"):
                self.found.append((tag, name, value))


def test_the_page_fetches_nothing(report):
    """It can be opened years later on a machine without a network."""
    links = _Links()
    links.feed(render(report))
    assert links.found == []


def test_the_page_says_what_was_scaled_the_seed_and_how_to_fly_again(report):
    """A reader can judge the figures and reproduce them."""
    page = render(report)
    for text in (
        "20 times faster",
        "seed 7",
        "vanallen run --seed 7",
        "silent",
        "corrected",
        "void",
    ):
        assert text in page


def test_text_from_the_link_is_escaped(report):
    """An event's words never become markup."""
    page = render(report)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_same_flight_gives_the_same_page(report):
    """Nothing in it depends on when or where it was made."""
    assert render(report) == render(report)


def test_a_flight_without_faults_or_samples_still_makes_a_page(report):
    """A flight that ended early is the one whose report is needed most."""
    empty = replace(report.verdict, judged=())
    bare = replace(report, verdict=empty, traces=Traces((), (), (), (74, 80, 85), 6.0))
    assert "A test flight" in render(bare)
