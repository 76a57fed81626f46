"""Which boot of the machine this is."""

from flight_sw.devices.machine_boot import machine_boot_id


def test_machine_boot_is_told_where_the_kernel_tells(tmp_path):
    """The same id twice in one boot; an empty text where there is none."""
    assert machine_boot_id() == machine_boot_id()
    (tmp_path / "boot_id").write_text("0123-4567\n")
    assert machine_boot_id(tmp_path / "boot_id") == "0123-4567"
    assert machine_boot_id(tmp_path / "nothing") == ""
