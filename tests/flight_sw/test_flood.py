"""Floods on the uplink: frames with a wrong MAC at line rate stop neither telemetry nor commands."""

from flight_sw.devices.tcp_port import CLIENT_READ_BYTES, MAX_CLIENTS, TcpClient, TcpListener
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.link_profile import link_settings
from flight_sw.space_link.keys import new_keys
from flight_sw.space_link.link import TcSender
from flight_sw.space_link.packet import Telecommand
from tests.flight_sw.stack import TICK_S, Stack

LINE_BYTES_PER_S = 92_160  # 921,600 baud
FLOOD_S = 20.0


class FloodedStack(Stack):
    """A stack whose uplink an attacker fills; `kinds` counts housekeeping by structure."""

    def __init__(self) -> None:
        self.samples = dict.fromkeys(HOUSEKEEPING, 0)
        super().__init__()
        keys = new_keys(self.keys.board, bytes(range(64)))
        self.attacker = TcSender(keys.tc, link_settings(self.profile), 0)
        self.attacker.security.ceiling_confirmed(1 << 40)
        self.left = b""

    def flood(self, seconds: float) -> None:
        """Let time pass with the line full of frames that are right but for their MAC."""
        share = round(LINE_BYTES_PER_S * TICK_S)
        for _ in range(round(seconds / TICK_S)):
            while len(self.left) < share:
                ping = Telecommand(self.profile.spacecraft.apid, 0, 17, 1, bytes(40))
                self.left += self.attacker.encode(ping)
            self.inject(self.left[:share])
            self.left = self.left[share:]
            self.run(TICK_S)

    def _take(self, packet: object) -> None:
        if (packet.service, packet.subtype) == (3, 25):
            self.samples[packet.data[0]] += 1
        super()._take(packet)


def test_housekeeping_goes_on_through_a_flood() -> None:
    """Bad frames at line rate cost not one housekeeping report (A15)."""
    quiet, stack = FloodedStack(), FloodedStack()
    quiet.run(1.0 + FLOOD_S)
    stack.run(1.0)
    refused = stack.housekeeping[2]["frames_refused"]
    stack.flood(FLOOD_S)
    assert stack.samples == quiet.samples
    assert stack.samples[1] >= FLOOD_S
    assert stack.housekeeping[2]["frames_refused"] - refused > 10_000
    assert stack.housekeeping[2]["tc_accepted"] == 0
    assert stack.events.count("frames-refused") <= FLOOD_S + 2


def test_a_good_command_passes_between_bad_frames() -> None:
    """With a whole good frame among the bad ones, the command is carried out at once."""
    stack = FloodedStack()
    stack.run(0.5)
    stack.flood(1.0)
    stack.inject(stack.left)  # the attacker's frame ends before ours begins
    stack.left = b""
    stack.send("ping")
    stack.run(2 * TICK_S)
    assert len(stack.told("alive")) == 1


def test_one_step_takes_a_bounded_share_of_each_client() -> None:
    """However much waits in the sockets, a step reads no more than its share of each."""
    listener = TcpListener("127.0.0.1", 0)
    clients = [TcpClient(*listener.address) for _ in range(MAX_CLIENTS)]
    try:
        listener.read()
        for client in clients:
            client.write(bytes(100_000))
        arrived = listener.read()
        assert all(len(data) <= CLIENT_READ_BYTES for _, data in arrived)
    finally:
        for client in clients:
            client.close()
        listener.close()
