"""Shards on disk: the plan written first, then one file for each shard, whole or not at all.

A file is written beside its place, made durable and renamed, so a killed run leaves only whole shards;
a run that goes on does the missing ones and counts nothing twice.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from flight_sw.errors import UserError
from hil.campaign.trials.plan import Plan, Shard
from hil.campaign.trials.trial import Trial

PLAN_FILE, SHARDS, ENDING = "plan.json", "shards", ".json"


class ShardFile(msgspec.Struct, frozen=True):
    """What one shard found; `digest` is that of the plan it belongs to."""

    digest: str
    shard: str
    first: int
    count: int
    cpu_s: float
    trials: tuple[Trial, ...]


class StoredPlan(msgspec.Struct, frozen=True):
    """The plan as it was when the campaign began."""

    digest: str
    plan: Plan


def open_folder(folder: Path, plan: Plan, *, resume: bool) -> None:
    """Make the folder and write the plan down, or check that it is this plan's.

    Raises:
        UserError: another plan's shards are there, or this one's and nobody asked to go on.
    """
    file = folder / PLAN_FILE
    if file.exists():
        stored = read_stored_plan(folder)
        if stored.digest != plan.digest or stored.plan != plan:
            raise UserError(
                f"{folder}: holds the shards of another plan; its plan was changed since, "
                "so choose another --out, or bring the plan back"
            )
        if not resume and any((folder / SHARDS).glob(f"*{ENDING}")):
            raise UserError(
                f"{folder}: was begun before; add --resume to go on, or choose another --out"
            )
        return
    try:
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        _write(file, msgspec.json.format(msgspec.json.encode(StoredPlan(plan.digest, plan))))
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}") from error


def read_stored_plan(folder: Path) -> StoredPlan:
    """The plan of a campaign's folder.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    file = folder / PLAN_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=StoredPlan)
    except OSError as error:
        raise UserError(f"{file}: no campaign here: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UserError(f"{file}: not the plan of a campaign: {error}") from error


def write_shard(folder: Path, digest: str, shard: Shard, trials: list[Trial], cpu_s: float) -> None:
    """Store what a shard found; the same shard again is the same file."""
    content = ShardFile(
        digest, shard.name, shard.first, shard.count, round(cpu_s, 3), tuple(trials)
    )
    store_shard(folder, shard.name, msgspec.json.encode(content))


def store_shard(folder: Path, name: str, content: bytes) -> None:
    """Put a shard's file in its place, whole or not at all."""
    _write(shard_file(folder, name), content)


def shard_file(folder: Path, name: str) -> Path:
    """Where a shard's file lies."""
    return folder / SHARDS / f"{name}{ENDING}"


def read_shard(folder: Path, digest: str, shard: Shard) -> ShardFile | None:
    """What a shard found, or None if it is missing, damaged or another plan's."""
    try:
        data = shard_file(folder, shard.name).read_bytes()
        found = msgspec.json.decode(data, type=ShardFile)
    except (OSError, msgspec.DecodeError):
        return None
    mine = (found.digest, found.shard, found.first, found.count)
    whole = [trial.index for trial in found.trials] == list(
        range(shard.first, shard.first + shard.count)
    )
    return found if mine == (digest, shard.name, shard.first, shard.count) and whole else None


def read_all(folder: Path, digest: str, shards: tuple[Shard, ...]) -> Mapping[Shard, ShardFile]:
    """Every whole shard of a campaign."""
    found = {shard: read_shard(folder, digest, shard) for shard in shards}
    return {shard: file for shard, file in found.items() if file is not None}


def _write(file: Path, content: bytes) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
