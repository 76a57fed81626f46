"""An inventory without a mistake: what tests change one thing of, and where fuzzing starts."""

GOOD = """\
boards:
  pi5-01:
    profile: raspberry-pi-5
    port: {by_id: usb-FTDI_A50285BI-if00-port0, baud: 115200}
    serial_number: "10000000abcdef01"
    fixtures: [ina219]
    power: {cycle: "uhubctl -l 1-1 -p 2 -a cycle"}
    flash: {command: "vanallen board install --host pi@{name}", check: "cat version"}
    tags: {room: lab2}
    notes: shelf B
  emu-1:
    profile: emulated
    port: {pty: auto}
    tags: {room: lab1}
"""
