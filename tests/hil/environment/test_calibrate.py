import numpy as np
import pytest

from hil.emulator.settings import read_profile
from hil.environment.calibrate import CalibrationError, fit, read_log
from hil.environment.power import PowerModel
from hil.environment.thermal import ThermalNode

HEADER = "time_s,temp_c,power_w,frequency_mhz,busy_cores,mount_c\n"


VARIED = ((0, 1800), (4, 1800), (1, 600), (4, 1000), (0, 600))
PLAIN = ((0, 1800), (4, 1800), (0, 1800), (4, 1800), (0, 1800))


def recorded(phases=VARIED, warming: float = 2.0, seconds: int = 3000) -> list[list[float]]:
    """A run from the models themselves, in five phases of busy cores and clock; with sensor noise."""
    chance, node, power = np.random.default_rng(5), ThermalNode(14.0, 11.0), PowerModel()
    temp_c, rows = 25.0, []
    for second in range(0, seconds, 5):
        busy, clock = phases[second * 5 // seconds]
        mount_c = 8.0 + warming * second / seconds
        watts = power.board_w(clock, busy)
        shown = temp_c + chance.normal(0, 0.3)
        rows.append([second, shown, watts + chance.normal(0, 0.05), clock, busy, mount_c])
        temp_c = node.after(temp_c, node.steady_c(mount_c, watts), 5.0)
    return rows


def write(path, rows, header=HEADER):
    """A log file."""
    path.write_text(header + "".join(",".join(f"{v:.4f}" for v in row) + "\n" for row in rows))
    return path


def test_constants_that_made_the_log_are_found(tmp_path) -> None:
    """Capacity, resistance and power curve come back within 3 % out of a noisy log."""
    found = fit(read_log(write(tmp_path / "run.csv", recorded())), 4, 1800.0)
    assert found.capacity_j_per_k == pytest.approx(14.0, rel=0.03)
    assert found.resistance_k_per_w == pytest.approx(11.0, rel=0.03)
    assert found.heat_rms_k == pytest.approx(0.3, rel=0.2)
    assert found.idle_w == pytest.approx(2.14, rel=0.03)
    assert found.core_w == pytest.approx(0.81, rel=0.03)
    assert found.voltage_slope == pytest.approx(0.45, abs=0.05)


def test_a_log_without_mount_and_load_is_enough(tmp_path) -> None:
    """The mount's mean is fitted too, and full load is told from idle by its power."""
    rows = [row[:4] for row in recorded(PLAIN, warming=0.0)]
    path = write(tmp_path / "run.csv", rows, "time_s,temp_c,power_w,frequency_mhz\n")
    found = fit(read_log(path), 4, 1800.0)
    assert found.resistance_k_per_w == pytest.approx(11.0, rel=0.05)
    assert found.mount_c == pytest.approx(8.0, abs=2.0)
    assert found.idle_w == pytest.approx(2.14, rel=0.05)


def test_the_command_writes_a_profile_that_flies(tmp_path, capsys) -> None:
    """The new profile is sound and holds the fitted values; the plot is beside it."""
    from hil.calibrate_command import calibrate_command

    log = write(tmp_path / "run.csv", recorded())
    assert calibrate_command(log, "emulated", tmp_path / "my-pi.yaml", as_json=False) == 0
    profile, silicon = read_profile(tmp_path / "my-pi.yaml")
    assert (profile.name, profile.evidence) == ("my-pi", "bench")
    assert silicon.heat.capacity_j_per_k == pytest.approx(14.0, rel=0.03)
    assert "<svg" in (tmp_path / "my-pi.svg").read_text()
    assert "unexplained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [r for r in rows if not 900 < r[0] < 1200], "a gap of 300 s"),
        (lambda rows: [[r[0], r[1] * 1000, *r[2:]] for r in rows], "millidegrees"),
        (lambda rows: [[r[0], r[1] + 273.15, *r[2:]] for r in rows], "kelvin"),
        (lambda rows: [[*r[:2], r[2] * 1000, *r[3:]] for r in rows], "milliwatts"),
        (lambda rows: [[*r[:3], r[3] * 1e6, *r[4:]] for r in rows], "kilohertz or hertz"),
        (lambda rows: [*rows[:100], rows[50], *rows[100:]], "does not rise"),
        (lambda rows: rows[:20], "20 samples"),
        (lambda rows: [[r[0], 40.0, *r[2:]] for r in rows], "from idle to full load"),
        (lambda rows: [[r[0], float("nan"), *r[2:]] for r in rows], "no number"),
    ],
)
def test_bad_logs_are_one_clear_line(tmp_path, change, words) -> None:
    """Gaps, wrong units and logs that tell nothing are refused with what to do."""
    path = write(tmp_path / "run.csv", change(recorded()))
    with pytest.raises(CalibrationError, match=words) as error:
        read_log(path)
    assert "\n" not in str(error.value)


def test_a_missing_column_is_named(tmp_path) -> None:
    """The header must carry the units in its names."""
    path = write(tmp_path / "run.csv", recorded(), HEADER.replace("temp_c", "temperature"))
    with pytest.raises(CalibrationError, match="column temp_c is missing"):
        read_log(path)
