"""XTCE 1.2 (CCSDS 660.0-B-2), flat: no aggregates, no arrays, since readers differ in those.

Three habits keep common readers happy: the root container is CCSDSPacket; every value of an enumerated
field has a label (an unknown one would cost the whole packet); a variable field is sized by the count
before it, or by the packet's length if it is the last. Where it is neither (bytes behind text) all of
the data goes into one binary parameter named `all`.
"""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from flight_sw.dictionary.field import Field, Kind
from hil.dictionary_export.layouts import SIZED, Layout, fixed_bytes, layouts

NAMESPACE = "http://www.omg.org/spec/XTCE/20180204"
SCHEMA = "https://www.omg.org/spec/XTCE/20180204/SpaceSystem.xsd"
ROOT, PUS = "CCSDSPacket", "PusTm"
DATA_AND_CRC = 7 - 20  # bytes behind the PUS header, from the packet length field: +7, less 6 + 14
CRC_BYTES = 2
ENUM_VALUES = 256

_HEADER = (
    ("VERSION", 3),
    ("TYPE", 1),
    ("SEC_HDR_FLG", 1),
    ("PKT_APID", 11),
    ("SEQ_FLGS", 2),
    ("SRC_SEQ_CTR", 14),
    ("PKT_LEN", 16),
)
_PUS = (
    ("PUS_VERSION", 4),
    ("TIME_REFERENCE", 4),
    ("SERVICE", 8),
    ("SUBTYPE", 8),
    ("MESSAGE_COUNTER", 16),
    ("DESTINATION", 16),
    ("TIME_CODE", 8),
    ("TIME_DAYS", 16),  # CDS short, epoch 1958-01-01: CCSDS 301.0-B-4, 3.3
    ("TIME_MS", 32),
)
_BITS = {Kind.U8: 8, Kind.U16: 16, Kind.U32: 32, Kind.U64: 64, Kind.I32: 32}
_FLOATS = {Kind.F32: 32, Kind.F64: 64}


def to_xtce() -> str:
    """The telemetry database as XML text."""
    ET.register_namespace("xtce", NAMESPACE)
    writer = _Writer()
    for name, bits in (*_HEADER, *_PUS, ("CRC", 16)):
        writer.parameter(name, writer.integer(bits))
    writer.container(ROOT, [name for name, _ in _HEADER], abstract=True)
    writer.container(PUS, [name for name, _ in _PUS], ROOT, {"TYPE": 0, "SEC_HDR_FLG": 1})
    for layout in layouts():
        writer.layout(layout)
    return writer.text()


class _Writer:
    """Collects types, parameters and containers, each once."""

    def __init__(self) -> None:
        location = {
            "name": "VanAllen",
            "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": f"{NAMESPACE} {SCHEMA}",
        }
        self._root = ET.Element(_tag("SpaceSystem"), location)
        ET.SubElement(
            self._root,
            _tag("Header"),
            {"date": "2026-01-01", "version": "1.0", "validationStatus": "Working"},
        )
        telemetry = ET.SubElement(self._root, _tag("TelemetryMetaData"))
        self._types = ET.SubElement(telemetry, _tag("ParameterTypeSet"))
        self._parameters = ET.SubElement(telemetry, _tag("ParameterSet"))
        self._containers = ET.SubElement(telemetry, _tag("ContainerSet"))
        self._known: set[str] = set()
        self._choices: dict[tuple[str, ...], str] = {}

    def text(self) -> str:
        """All of it."""
        ET.indent(self._root)
        return ET.tostring(self._root, "unicode", xml_declaration=True) + "\n"

    def parameter(self, name: str, type_name: str, description: str = "") -> None:
        """One parameter, if it is not there yet."""
        if f"parameter {name}" in self._known:
            return
        self._known.add(f"parameter {name}")
        about = {"shortDescription": description} if description else {}
        attributes = {"name": name, "parameterTypeRef": type_name, **about}
        ET.SubElement(self._parameters, _tag("Parameter"), attributes)

    def container(
        self,
        name: str,
        entries: Iterable[str],
        base: str | None = None,
        conditions: dict[str, int] | None = None,
        *,
        abstract: bool | None = None,
    ) -> None:
        """One container; those with a base and no word on it are abstract if others build on them."""
        if f"container {name}" in self._known:
            return
        self._known.add(f"container {name}")
        is_abstract = name == PUS if abstract is None else abstract
        attributes = {"name": name, "abstract": str(is_abstract).lower()}
        element = ET.SubElement(self._containers, _tag("SequenceContainer"), attributes)
        rows = ET.SubElement(element, _tag("EntryList"))
        for entry in entries:
            ET.SubElement(rows, _tag("ParameterRefEntry"), {"parameterRef": entry})
        if base is None:
            return
        parent = ET.SubElement(element, _tag("BaseContainer"), {"containerRef": base})
        criteria = ET.SubElement(parent, _tag("RestrictionCriteria"))
        listed = ET.SubElement(criteria, _tag("ComparisonList"))
        for parameter, value in (conditions or {}).items():
            test = {"parameterRef": parameter, "value": str(value), "useCalibratedValue": "false"}
            ET.SubElement(listed, _tag("Comparison"), test)

    def layout(self, layout: Layout) -> None:
        """One packet, below the container of its service and subtype where it has a key."""
        base, conditions = PUS, {"SERVICE": layout.service, "SUBTYPE": layout.subtype}
        key_bytes = 0
        if layout.key is not None:
            key, bits = layout.key, _BITS[layout.key.kind]
            group = f"group-{layout.service}-{layout.subtype}"
            self.parameter(key.name, self.integer(bits))
            self.container(group, [key.name], base, conditions, abstract=True)
            base, conditions, key_bytes = group, {key.name: key.value}, bits // 8
        entries = self._entries(layout, key_bytes)
        self.container(layout.name, [*entries, "CRC"], base, conditions)

    def integer(self, bits: int, *, signed: bool = False, unit: str = "") -> str:
        """The type of a whole number."""
        name = f"{'I' if signed else 'U'}{bits}{_suffix(unit)}"
        coding = "twosComplement" if signed else "unsigned"
        encoding = ("IntegerDataEncoding", {"sizeInBits": str(bits), "encoding": coding})
        attributes = {"signed": str(signed).lower(), "sizeInBits": str(bits)}
        self._type("IntegerParameterType", name, unit, encoding, attributes)
        return name

    def _entries(self, layout: Layout, before: int) -> list[str]:
        if _is_beyond_reach(layout):
            return [self._rest(f"{layout.name}_all", before)]
        names: list[str] = []
        for field in layout.fields:
            full = f"{layout.name}_{field.name}"
            if field.kind in SIZED:
                self.parameter(f"{full}_count", self.integer(8))
                self.parameter(full, self._sized(full, field), field.help)
                names.append(f"{full}_count")
            elif field.kind is Kind.BYTES:
                self._rest(full, before)
            else:
                self.parameter(full, self._type_of(field), field.help)
            names.append(full)
            before += fixed_bytes(field) or 0
        return names

    def _type_of(self, field: Field) -> str:
        if field.kind in _FLOATS:
            bits = _FLOATS[field.kind]
            name = f"F{bits}{_suffix(field.unit)}"
            encoding = ("FloatDataEncoding", {"sizeInBits": str(bits), "encoding": "IEEE754_1985"})
            self._type("FloatParameterType", name, field.unit, encoding, {"sizeInBits": str(bits)})
            return name
        if field.kind is Kind.BOOL:
            return self._enumerated(("no", "yes"))
        if field.kind is Kind.ENUM:
            return self._enumerated(field.choices)
        return self.integer(_BITS[field.kind], signed=field.kind is Kind.I32, unit=field.unit)

    def _enumerated(self, choices: tuple[str, ...]) -> str:
        if choices in self._choices:
            return self._choices[choices]
        name = self._choices[choices] = f"ENUM_{len(self._choices)}"
        encoding = ("IntegerDataEncoding", {"sizeInBits": "8", "encoding": "unsigned"})
        element = self._type("EnumeratedParameterType", name, "", encoding, {})
        listed = ET.SubElement(element, _tag("EnumerationList"))
        for value in range(ENUM_VALUES):
            label = choices[value] if value < len(choices) else f"UNKNOWN_{value}"
            ET.SubElement(listed, _tag("Enumeration"), {"value": str(value), "label": label})
        return name

    def _sized(self, full: str, field: Field) -> str:
        """Text or a list of choices, as long as the count before it says."""
        name = f"T_{full}"
        if field.kind is Kind.NAMES:
            return self._binary(name, f"{full}_count", 0)
        element = self._type("StringParameterType", name, "", None, {})
        encoding = ET.SubElement(element, _tag("StringDataEncoding"), {"encoding": "UTF-8"})
        variable = ET.SubElement(encoding, _tag("Variable"), {"maxSizeInBits": str(8 * 255)})
        _dynamic(variable, f"{full}_count", 0)
        return name

    def _rest(self, full: str, before: int) -> str:
        """Bytes up to the error control field."""
        intercept = 8 * (DATA_AND_CRC - CRC_BYTES - before)
        self.parameter(full, self._binary(f"T_{full}", "PKT_LEN", intercept))
        return full

    def _binary(self, name: str, count: str, intercept: int) -> str:
        element = self._type("BinaryParameterType", name, "", None, {})
        encoding = ET.SubElement(element, _tag("BinaryDataEncoding"))
        _dynamic(ET.SubElement(encoding, _tag("SizeInBits")), count, intercept)
        return name

    def _type(
        self,
        kind: str,
        name: str,
        unit: str,
        encoding: tuple[str, dict[str, str]] | None,
        attributes: dict[str, str],
    ) -> ET.Element:
        if f"type {name}" in self._known:
            return ET.Element("again")
        self._known.add(f"type {name}")
        element = ET.SubElement(self._types, _tag(kind), {"name": name, **attributes})
        units = ET.SubElement(element, _tag("UnitSet"))
        if unit:
            ET.SubElement(units, _tag("Unit")).text = unit
        if encoding is not None:
            ET.SubElement(element, _tag(encoding[0]), encoding[1])
        return element


def _is_beyond_reach(layout: Layout) -> bool:
    """Whether bytes follow a field whose length varies: no one parameter gives their length."""
    kinds = [field.kind for field in layout.fields]
    return Kind.BYTES in kinds and any(kind in SIZED for kind in kinds)


def _dynamic(parent: ET.Element, count: str, intercept: int) -> None:
    value = ET.SubElement(parent, _tag("DynamicValue"))
    reference = {"parameterRef": count, "useCalibratedValue": "false"}
    ET.SubElement(value, _tag("ParameterInstanceRef"), reference)
    line = {"slope": "8", "intercept": str(intercept)}
    ET.SubElement(value, _tag("LinearAdjustment"), line)


def _suffix(unit: str) -> str:
    return "_" + unit.replace("/", "_per_") if unit else ""


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
