"""ST[131] keys of the link (private, after CCSDS 355.1): load, prove, activate, drop, report.

Shall: change both keys of the link all or nothing: the old ones work until the new ones are proven,
and open nothing from then on; a power cut at any step leaves one pair in force that the ground has.
How verified: tests/flight_sw/test_key_change.py cuts the power at every write; test_key_ring.py;
attack A23.
Off nominal: BAD_KEY for keys not wrapped by the master key, of another board, zero, equal or reserved;
KEY_IN_USE for a key or id that was here before; ALREADY_EXISTS while others wait; NOT_ALLOWED without
a master key, and for proving or activating under any but the pending keys.
Not provided: a change of the master key, one key alone, keys that activate themselves at a time.
"""

from collections.abc import Mapping

from flight_sw.dictionary.reason import Reason
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import report
from flight_sw.services.st05_events import Happening, happening
from flight_sw.space_link.key_ring import KeyRing
from flight_sw.space_link.key_wrap import CHALLENGE_BYTES, key_check
from flight_sw.space_link.sdls import SdlsReceiver


class KeyService:
    """See the module text; `standby` is the association of the pending keys, once it can work."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.standby: SdlsReceiver | None = None
        self._events: list[Happening] = []

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[131]."""
        return {
            "load-keys": self._load,
            "drop-keys": self._drop,
            "report-keys": self._report,
            "verify-keys": self._verify,
            "activate-keys": lambda call: self.ring.activate(call.number("key")),
        }

    def take_events(self) -> list[Happening]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def _load(self, call: Call) -> Outcome:
        before = self.ring.revision
        refused = self.ring.load(call.data("wrapped"))
        if self.ring.revision != before:
            self._events.append(happening("keys-loaded", key=self.ring.highest_id))
        return refused

    def _drop(self, _: Call) -> Outcome:
        refused = self.ring.drop()
        if refused is None:
            self._events.append(happening("keys-dropped", key=self.ring.active.tc.key_id))
        return refused

    def _report(self, _: Call) -> Outcome:
        ring, standby = self.ring, self.standby
        return [
            report(
                "keys",
                key=ring.active.tc.key_id,
                pending=0 if ring.pending is None else ring.pending.tc.key_id,
                ready=standby is not None and standby.next_counter < standby.ceiling,
                counter_next=0 if standby is None else standby.next_counter,
                highest=ring.highest_id,
            )
        ]

    def _verify(self, call: Call) -> Outcome:
        pending, challenge = self.ring.pending, call.data("challenge")
        if pending is None:
            return Reason.NO_SUCH_ENTRY
        if len(challenge) != CHALLENGE_BYTES:
            return Reason.BAD_ARGUMENT
        check = key_check(pending, challenge)
        return [report("key-check", key=pending.tc.key_id, check=check)]
