"""Housekeeping structures 1 to 4 (ST[03]): what the payload reports of itself without being asked."""

from flight_sw.dictionary.field import Field, Kind
from flight_sw.dictionary.reason import Reason
from flight_sw.mode import Mode
from flight_sw.space_link.refusal import Refusal

BOOT_PLANS = ("FULL", "REQUIRED_ONLY", "SAFE")
MODES = tuple(mode.name for mode in Mode)
BOARD_STATES = ("OFF", "BOOTING", "UP", "SILENT")

HOUSEKEEPING: dict[int, tuple[Field, ...]] = {
    1: (
        Field("mode", Kind.ENUM, "payload mode", choices=MODES),
        Field("board", Kind.ENUM, "board state", choices=BOARD_STATES),
        Field("temp_known", Kind.BOOL, "whether temp is a fresh reading"),
        Field("temp", Kind.F32, "processor temperature", "degC"),
        Field("power", Kind.F32, "board power", "W"),
        Field("frequency", Kind.U16, "processor clock ordered by the governor", "MHz"),
        Field("jobs_queued", Kind.U16, "jobs waiting or running"),
        Field("jobs_done", Kind.U32, "results sent, withdrawn ones not counted"),
        Field("jobs_unconfirmed", Kind.U16, "results not yet covered by a clean scrub pass"),
        Field("jobs_withdrawn", Kind.U32, "results taken back"),
        Field("jobs_failed", Kind.U32, "jobs ended without a result"),
        Field("pages_checked", Kind.U64, "protected pages read by the scrubber"),
        Field("flips_corrected", Kind.U32, "pages corrected in place"),
        Field("pages_rebuilt", Kind.U32, "pages rebuilt from the golden copy"),
        Field("votes_repaired", Kind.U32, "voted records repaired"),
    ),
    2: (
        Field("boots", Kind.U32, "controller boots"),
        Field("tc_accepted", Kind.U32, "telecommands accepted"),
        Field("tc_rejected", Kind.U32, "telecommands refused after authentication"),
        Field("frames_refused", Kind.U32, "frames refused by the link"),
        Field("tc_counter_next", Kind.U64, "smallest frame counter that will be accepted"),
        Field("board_resets", Kind.U16, "board resets ordered"),
        Field("board_power_cycles", Kind.U16, "board power cycles ordered"),
        Field("worker_restarts", Kind.U16, "inference worker restarts seen"),
        Field("link_resyncs", Kind.U32, "damaged frames on the board link"),
        Field("link_resends", Kind.U32, "frames sent again on the board link"),
    ),
    3: (
        Field("boot_plan", Kind.ENUM, "how much of the software was started", choices=BOOT_PLANS),
        Field("time_suspect", Kind.BOOL, "whether the time stamps are in doubt"),
        Field("records_unsaved", Kind.U8, "records that storage has refused to keep so far"),
        Field("tc_waiting", Kind.U16, "telecommands in the queues"),
        Field("schedule_entries", Kind.U16, "entries that wait for their time"),
        Field("schedule_released", Kind.U32, "entries released since boot"),
        Field("schedule_missed", Kind.U32, "entries found too late and left out since boot"),
        Field("monitors_violated", Kind.U8, "monitors that find their parameter out of limits"),
        Field("actions_run", Kind.U32, "event-actions carried out since boot"),
        Field("actions_held", Kind.U32, "event-actions not carried out, for their rate limit"),
        Field("sequences_running", Kind.U8, "stored sequences under way"),
        Field("stored_bytes", Kind.U32, "telemetry in the stores", "B"),
        Field("files_complete", Kind.U8, "file slots with a verified file"),
        Field("tm_dropped", Kind.U32, "telemetry packets that found no room"),
        *(Field(f"refused_{r.name.lower()}", Kind.U32, f"refusals: {r.name}") for r in Reason),
    ),
    4: tuple(
        Field(f"frames_refused_{r.name.lower()}", Kind.U32, f"frames refused by the link: {r.name}")
        for r in Refusal
    ),
}
