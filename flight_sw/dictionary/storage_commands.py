"""Telecommands for large and stored data: large packets (ST[13]), stores (ST[15]), files (ST[23])."""

from flight_sw.dictionary.command import Command
from flight_sw.dictionary.field import Field, Kind

STORES = ("events", "housekeeping", "results")
FILE_SLOTS = 8
FILE_BYTES_MAX = 4 * 1024 * 1024
CHUNK_BYTES_MIN, CHUNK_BYTES_MAX = 64, 32_768
LARGE_BYTES_MAX = 4 * 1024 * 1024
DIGEST_BYTES = 32
_FAR_S = 10_000_000_000

_TRANSACTION = Field("transaction", Kind.U16, "number of the transfer, chosen by the sender")
_PART = Field("part", Kind.U16, "1 for the part after the first, and so on")
_DATA = Field("data", Kind.BYTES, "content")
_STORE = Field("store", Kind.ENUM, "telemetry store", choices=STORES)
_UNTIL = Field("until", Kind.F64, "before this time, UTC", "s", minimum=0, maximum=_FAR_S)
_SLOT = Field("slot", Kind.U8, "file slot", minimum=1, maximum=FILE_SLOTS)

_LARGE = (
    Command(
        "first-part",
        13,
        9,
        "begin a telecommand larger than a packet; the whole is service, subtype and data field",
        (
            _TRANSACTION,
            Field("size", Kind.U32, "of the whole", "B", minimum=3, maximum=LARGE_BYTES_MAX),
            _DATA,
        ),
        bulk=True,
    ),
    Command("middle-part", 13, 10, "go on with it", (_TRANSACTION, _PART, _DATA), bulk=True),
    Command("last-part", 13, 11, "end and carry it out", (_TRANSACTION, _PART, _DATA), bulk=True),
)

_STORES = (
    Command("enable-store", 15, 1, "keep telemetry in a store", (_STORE,)),
    Command("disable-store", 15, 2, "keep no further telemetry in a store", (_STORE,)),
    Command(
        "retrieve-store",
        15,
        9,
        "send what a store holds of a time range",
        (
            _STORE,
            Field("since", Kind.F64, "from this time, UTC", "s", minimum=0, maximum=_FAR_S),
            _UNTIL,
        ),
    ),
    Command("delete-store", 15, 11, "forget what a store holds", (_STORE, _UNTIL), critical=True),
    Command("report-stores", 15, 12, "report how full the stores are"),
    Command("stop-retrieval", 15, 17, "end the retrieval under way"),
)

_FILES = (
    Command(
        "begin-file",
        23,
        1,
        "prepare an empty slot for a file",
        (
            _SLOT,
            Field("size", Kind.U32, "of the file", "B", minimum=1, maximum=FILE_BYTES_MAX),
            Field(
                "chunk",
                Kind.U16,
                "of each chunk",
                "B",
                minimum=CHUNK_BYTES_MIN,
                maximum=CHUNK_BYTES_MAX,
            ),
            Field("digest", Kind.BYTES, "SHA-256 of the file, 32 bytes"),
        ),
    ),
    Command("delete-file", 23, 2, "empty a slot", (_SLOT,), critical=True),
    Command("report-file", 23, 3, "report a slot, with the chunks it lacks", (_SLOT,)),
    Command(
        "write-chunk",
        23,
        130,
        "give one chunk of a file",
        (_SLOT, Field("chunk", Kind.U16, "number, from 0"), _DATA),
        bulk=True,
    ),
    Command("report-files", 23, 131, "report every slot"),
    Command("abort-file", 23, 132, "give up an upload that is not complete", (_SLOT,)),
    Command("send-file", 23, 133, "send a slot's file down by CFDP", (_SLOT,)),
    Command(
        "cancel-transfer",
        23,
        134,
        "end a file transfer at both ends",
        (Field("transfer", Kind.U32, "transaction number"),),
    ),
    Command("report-transfers", 23, 135, "report every file transfer under way"),
)

STORAGE_COMMANDS: tuple[Command, ...] = (*_LARGE, *_STORES, *_FILES)
