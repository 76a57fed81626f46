"""Certificates: what was shown of one board, by its serial number, as JSON and as a page; and a summary.

A certificate says what it rests on: versions, digests of software, models and profile, and the digest of
every record, so that a changed record no longer fits its certificate.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hil.rig.accept import AcceptOptions, BoardRun
from hil.rig.infrastructure import ExitCode
from hil.rig.measurement import Measurement
from hil.rig.record import SUFFIX, Verdict, slug, station
from hil.rig.run_plots import draw_limits, draw_timeline
from hil.rig.run_report import html_environment
from hil.rig.versions import sha256_of, software_sha256, versions

FORMAT = 1
FOLDER, INDEX, SUMMARY = "certificates", "index.html", "summary.json"


class CertifiedTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a certificate."""

    test: str
    requirement: str
    verdict: Verdict
    detail: str
    took_s: float
    measurements: tuple[Measurement, ...]
    outcomes: tuple[str, ...]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one board; times are UTC seconds since 1970.

    Args:
        part: which tests were left out on purpose, if any: then nothing is accepted.
        timeout_scale: what every limit of waiting was multiplied with.
        records: file and SHA-256 of every record and recording.
    """

    format: int
    serial: str
    name: str
    accepted: bool
    part: str
    note: str
    profile: str
    profile_sha256: str
    emulated: bool
    port: str
    station: str
    started_s: float
    ended_s: float
    timeout_scale: float
    counts: dict[str, int]
    versions: dict[str, str]
    software_sha256: str
    models: dict[str, str]
    tests: tuple[CertifiedTest, ...]
    records: dict[str, str]


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One board on the summary page; a board that has no certificate says why."""

    name: str
    serial: str
    code: int
    accepted: bool
    part: str
    counts: dict[str, int]
    took_s: float
    note: str
    certificate: str = ""
    sha256: str = ""


def certify(options: AcceptOptions, runs: Sequence[BoardRun]) -> list[SummaryRow]:
    """Write every certificate and the summary page; a row for each board, in their order."""
    _refuse_twins(runs)
    folder = options.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(options, run) for run in runs]
    (options.folder / SUMMARY).write_bytes(
        msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n"
    )
    page = _render("summary.html", rows=rows, title="Acceptance", scale=options.scale)
    (options.folder / INDEX).write_text(page, encoding="utf-8")
    return rows


def _refuse_twins(runs: Sequence[BoardRun]) -> None:
    """Two boards of one serial number: one of the two ports shows the other's board, or a copy."""
    for serial, count in Counter(run.serial for run in runs if run.serial).items():
        if count == 1:
            continue
        names = [run.entry.name for run in runs if run.serial == serial]
        for run in runs:
            if run.serial == serial:
                run.code = ExitCode.UNAVAILABLE
                run.note = f"serial number {serial} answers at {' and at '.join(names)}"


def _row(options: AcceptOptions, run: BoardRun) -> SummaryRow:
    counts = Counter(one.verdict.value for one in run.records)
    row = SummaryRow(
        name=run.entry.name,
        serial=run.serial,
        code=int(run.code or 0),
        accepted=run.code is ExitCode.OK and not options.part,
        part=options.part,
        counts=dict(counts),
        took_s=run.took_s,
        note=run.note,
    )
    if not run.serial or "answers at" in run.note:
        return row
    certificate = _certificate(options, run, row)
    stem = options.folder / FOLDER / slug(run.serial)
    data = msgspec.json.format(msgspec.json.encode(certificate), indent=1) + b"\n"
    stem.with_name(f"{stem.name}.json").write_bytes(data)
    digest = sha256_of(stem.with_name(f"{stem.name}.json"))
    page = _render(
        "certificate.html",
        one=certificate,
        title=f"Certificate {run.serial}",
        digest=digest,
        timeline=draw_timeline(run.records, run.folder),
        limits=draw_limits(run.records),
    )
    stem.with_name(f"{stem.name}.html").write_text(page, encoding="utf-8")
    return msgspec.structs.replace(row, certificate=f"{FOLDER}/{stem.name}.html", sha256=digest)


def _certificate(options: AcceptOptions, run: BoardRun, row: SummaryRow) -> Certificate:
    entry = run.entry
    models: dict[str, str] = {}
    for record in run.records:
        models.update(record.models)
    files = sorted([*run.folder.glob(f"*/*{SUFFIX}"), *run.folder.glob("*/*.link.jsonl")])
    return Certificate(
        format=FORMAT,
        serial=run.serial,
        name=entry.name,
        accepted=row.accepted,
        part=row.part,
        note=run.note,
        profile=entry.profile.name,
        profile_sha256=sha256_of(entry.profile_file),
        emulated=entry.is_emulated,
        port=run.records[0].board.port,
        station=station(),
        started_s=run.started_s,
        ended_s=run.ended_s,
        timeout_scale=options.scale,
        counts=row.counts,
        versions=versions(),
        software_sha256=software_sha256(),
        models=models,
        tests=tuple(
            CertifiedTest(
                test=one.test,
                requirement=one.requirement,
                verdict=one.verdict,
                detail=one.detail,
                took_s=one.took_s,
                measurements=one.measurements,
                outcomes=one.outcomes,
            )
            for one in run.records
        ),
        records={str(file.relative_to(options.folder)): sha256_of(file) for file in files},
    )


def _render(template: str, **values: Any) -> str:
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return html_environment().get_template(template).render(made=made, **values)
