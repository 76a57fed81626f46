"""Space link addresses as people type them: `tcp://127.0.0.1:5540`, `udp://…`, `/dev/PORT@BAUD`."""

from collections.abc import Callable

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.serial_port import Port, SerialPort
from flight_sw.devices.tcp_port import TcpClient
from flight_sw.devices.udp_port import UdpClient
from flight_sw.errors import PortError

DEFAULT_URL = "tcp://127.0.0.1:5540"
DEFAULT_BAUD = 921_600
_TCP, _UDP = "tcp://", "udp://"
_FORMS = f"write {DEFAULT_URL}, udp:// likewise, or /dev/ttyUSB0@{DEFAULT_BAUD}"


def port_opener(url: str) -> Callable[[], Port]:
    """What opens the port behind an address, again and again after a loss.

    Raises:
        PortError: not an address; the text shows the forms there are.
    """
    if url.startswith(_TCP):
        host, port = _host_and_port(url)
        return lambda: TcpClient(host, port)
    if url.startswith(_UDP):
        host, port = _host_and_port(url)
        return lambda: UdpClient(host, port, SystemClock())
    path, baud = _path_and_baud(url)
    return lambda: SerialPort(path, baud)


def _host_and_port(url: str) -> tuple[str, int]:
    host, colon, port = url.removeprefix(_TCP).removeprefix(_UDP).rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise PortError(f"{url}: not an address of a space link; {_FORMS}")
    return host.strip("[]"), int(port)


def _path_and_baud(url: str) -> tuple[str, int]:
    path, at, baud = url.partition("@")
    is_path = bool(path) and "://" not in path
    if not is_path or (at and not (baud.isdecimal() and 1200 <= int(baud) <= 4_000_000)):
        raise PortError(f"{url}: not an address of a space link; {_FORMS}")
    return path, int(baud) if at else DEFAULT_BAUD
