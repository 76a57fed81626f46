"""`vanallen keys change`: new keys for both directions of a link that runs, all or nothing.

    KEYS.next is written        the payload gets them wrapped, and proves that it has them
    the payload changes over    KEYS.next takes the place of KEYS

Each step can be repeated: whatever was cut off, the same command goes on where payload and files are.
The old keys stay in KEYS until telemetry has come under the new ones.
"""

import hmac
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.storage import read_key_file, replace_key_file, write_key_file
from flight_sw.dictionary.reason import Reason
from flight_sw.errors import KeyFileError, PortError, UserError
from flight_sw.space_link.key_wrap import CHALLENGE_BYTES, key_check, wrap_keys
from flight_sw.space_link.keys import SECRET_BYTES, KeySet, format_keys, next_keys, parse_keys
from hil.ground.client import Ground
from hil.ground.link import PendingUplink
from hil.ground.reports import Declared
from hil.ground.request import CommandFailed, GroundError, NoAnswer
from hil.ground.send_command import NOBODY, OK, REJECTED, Bench

READY_S = 5.0
READY_POLL_S = 0.2
HEARD_S = 1.0  # after the wait of `connect`; housekeeping comes at once on a new connection
LOADS_MAX = 3  # a payload that holds keys of another ground is told to drop them, once


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What the payload says of its keys; `pending` is 0 where none wait."""

    key: int
    pending: int
    ready: bool
    counter_next: int
    highest: int


class KeyChangeFailed(GroundError):
    """The keys were not changed, or it is not known; the text says what to do."""


def change_command(bench: Bench, path: Path, *, as_json: bool) -> int:
    """Change the keys and tell; 0 changed, 1 not changed or not known, 69 nobody there.

    Raises:
        UserError: the key file has no master key, or a file stands in the way.
    """
    keys, code = None, REJECTED
    try:
        keys, note, code = change_keys(bench, path), "", OK
    except PortError as error:
        note, code = str(error), NOBODY
    except GroundError as error:
        note = f"{error}; nothing is lost: give the same command again"
    outcome = "changed" if keys else "not-changed"
    if as_json:
        key = keys.tc.key_id if keys else None
        sys.stdout.write(json.dumps({"outcome": outcome, "key_id": key, "note": note}) + "\n")
    elif keys:
        sys.stdout.write(f"{path}: keys {keys.tc.key_id} are in force\n")
    else:
        sys.stderr.write(f"vanallen: {note}\n")
    return code


def change_keys(bench: Bench, path: Path) -> KeySet:
    """Go from wherever payload and files are to new keys in force and in `path`.

    Raises:
        GroundError: a step failed; every step can be repeated.
        UserError: the key file has no master key, or a file stands in the way.
        PortError: nobody listens at the address.
    """
    if bench.keys.master is None:
        raise UserError(
            f"{path}: without a master key, keys cannot be changed over the link; "
            "make new ones for both ends with: vanallen keys new --force"
        )
    draft = path.with_name(f"{path.name}.next")
    if not _comes_under(bench, bench.keys):
        if not draft.exists():
            raise KeyChangeFailed("no telemetry under the keys of this file")
        waiting = parse_keys(read_key_file(draft), str(draft))
        if not _comes_under(bench, waiting):
            raise KeyChangeFailed("no telemetry under the keys of this file, nor the next ones")
    else:
        status, waiting = _load(bench, _read_draft(draft), draft)
        _activate(bench, waiting, status.counter_next)
        if not _comes_under(bench, waiting):
            raise KeyChangeFailed("no telemetry under the new keys yet")
    replace_key_file(path, draft)
    return waiting


def _load(bench: Bench, waiting: KeySet | None, draft: Path) -> tuple[KeyStatus, KeySet]:
    """The payload holds `waiting`, or fresh keys if that cannot be, and takes frames under them."""
    with _ground(bench, bench.keys) as ground:
        status = _status(ground)
        for _ in range(LOADS_MAX):
            if waiting is None or waiting.tc.key_id not in (status.pending, status.highest + 1):
                waiting = _new_draft(bench.keys, status.highest + 1, draft)
            try:
                _send_keys(ground, bench.keys, waiting)
                break
            except CommandFailed as error:
                if error.reason is not Reason.ALREADY_EXISTS:
                    raise
            ground.send("drop-keys").done()
            status, waiting = _status(ground), None
        if waiting is None:
            raise KeyChangeFailed("the payload takes no new keys")
        for _ in range(round(READY_S / READY_POLL_S)):
            status = _status(ground)
            if status.ready:
                break
            ground.wait_until(lambda: False, READY_POLL_S)
    if not status.ready or status.pending != waiting.tc.key_id:
        raise KeyChangeFailed("the payload has not stored the new keys")
    return status, waiting


def _send_keys(ground: Ground, active: KeySet, waiting: KeySet) -> None:
    wrapped = wrap_keys(active.master or b"", waiting)
    ground.arm("load-keys", wrapped=wrapped).done()
    ground.send("load-keys", wrapped=wrapped).done()


def _activate(bench: Bench, waiting: KeySet, counter: int) -> None:
    """Prove that the payload can be heard under the new keys, then let it change over."""
    challenge = os.urandom(CHALLENGE_BYTES)
    with _ground(bench, bench.keys, PendingUplink(waiting, counter)) as ground:
        ground.send("verify-keys", challenge=challenge).done()
        answer = ground.expect(Declared, where=lambda one: one.name == "key-check")
        check = answer.values["check"]
        expected = key_check(waiting, challenge)
        if not isinstance(check, bytes) or not hmac.compare_digest(check, expected):
            raise KeyChangeFailed("the payload does not hold the new telemetry key")
        try:
            ground.send("activate-keys", key=waiting.tc.key_id).done()
        except NoAnswer:
            return  # lost on the way up or down: telemetry will show which


def _comes_under(bench: Bench, keys: KeySet) -> bool:
    """Whether telemetry comes under these keys."""
    with _ground(bench, keys) as ground:
        return ground.wait_until(lambda: ground.counts.packets > 0, HEARD_S)


def _ground(bench: Bench, keys: KeySet, up: PendingUplink | None = None) -> Ground:
    return Ground(bench.url, keys, bench.state, bench.profile, up=up)


def _status(ground: Ground) -> KeyStatus:
    ground.send("report-keys").done()
    seen = ground.expect(Declared, where=lambda one: one.name == "keys")
    return KeyStatus(**seen.values)  # type: ignore[arg-type]


def _read_draft(draft: Path) -> KeySet | None:
    """Keys of a change that was cut off; a file cut off in the writing was never sent."""
    try:
        return parse_keys(read_key_file(draft), str(draft)) if draft.exists() else None
    except KeyFileError:
        return None


def _new_draft(active: KeySet, key_id: int, draft: Path) -> KeySet:
    """Fresh keys, on disk before the payload can have them; they replace a draft of no use."""
    keys = next_keys(active, os.urandom(2 * SECRET_BYTES), key_id)
    try:
        draft.unlink(missing_ok=True)
    except OSError as error:
        raise KeyFileError(f"{draft}: cannot be replaced: {error.strerror}") from None
    write_key_file(draft, format_keys(keys))
    return keys
