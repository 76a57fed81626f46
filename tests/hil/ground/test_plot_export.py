"""What an archive holds comes out as a picture and as tables."""

import csv

import pytest
from PIL import Image

from flight_sw.errors import UserError
from hil.ground.archive import Archive
from hil.ground.export import export
from hil.ground.plot import plot
from hil.ground.reports import Housekeeping, Result

VALUES = {"mode": "NOMINAL", "temp": 41.5, "temp_known": True}


@pytest.fixture
def archive(tmp_path):
    """Ten samples of a flight and one result."""
    archive = Archive(tmp_path / "telemetry.sqlite")
    for second in range(10):
        archive.report(Housekeeping(1000.0 + second, 1, VALUES | {"temp": 40.0 + second}))
    archive.report(Result(1011.0, 7, 1, 2, "standard", 5, 0.01, 1800, "ab", b"\x01\x02"))
    archive.commit()
    yield archive
    archive.close()


def test_plot_draws_a_panel_for_each_parameter(archive, tmp_path):
    """Two parameters make a taller picture than one, and all samples are drawn."""
    assert plot(archive, ["temp"], tmp_path / "one.png") == 10
    assert plot(archive, ["temp", "mode"], tmp_path / "two.png") == 20
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.height > one.height
        assert len(set(two.convert("L").get_flattened_data())) > 10


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["tempp"], "no parameter 'tempp'"),
        (["power"], "no samples of power"),
        (["temp"] * 13, "at most 12"),
    ],
)
def test_plot_says_what_it_cannot_draw(archive, tmp_path, names, words):
    """An unknown, empty or excessive request is one clear line."""
    with pytest.raises(UserError, match=words):
        plot(archive, names, tmp_path / "x.png")


def test_csv_holds_every_sample_and_result(archive, tmp_path):
    """The tables that come out are those that went in."""
    written = export(archive, tmp_path / "out", "csv")
    assert written == {"samples.csv": 30, "results.csv": 1}
    with (tmp_path / "out/samples.csv").open() as file:
        temps = [row for row in csv.DictReader(file) if row["parameter"] == "temp"]
    assert [float(row["value"]) for row in temps] == [40.0 + second for second in range(10)]
    with (tmp_path / "out/results.csv").open() as file:
        assert next(csv.DictReader(file))["output_hex"] == "0102"


def test_parquet_equals_csv(archive, tmp_path):
    """Both formats carry the same rows."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert export(archive, tmp_path, "parquet") == {"samples.parquet": 30, "results.parquet": 1}
    table = parquet.read_table(tmp_path / "samples.parquet").to_pydict()
    assert sum(table["value"][i] for i, n in enumerate(table["parameter"]) if n == "temp") == 445.0


def test_unknown_format_is_refused(archive, tmp_path):
    """A format we do not write is named with those we do."""
    with pytest.raises(UserError, match="csv, parquet"):
        export(archive, tmp_path, "xlsx")
