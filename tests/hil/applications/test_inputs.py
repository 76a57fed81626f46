"""What users bring: every readable kind becomes inputs, every mistake one clear line."""

import numpy as np
import pytest
from PIL import Image

from flight_sw.errors import ModelError
from flight_sw.inference.worker_messages import TensorSpec
from hil.applications.inputs import read_inputs
from hil.applications.opssat import FEATURES

ROW = TensorSpec("features", "float32", (1, 18))
SCENE = TensorSpec("scene", "float32", (1, 2, 8, 8))
RGB = TensorSpec("image", "float32", (1, 3, 8, 8))


def _table(path, rows, header=("anomaly", "train", *FEATURES)):
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _error(path, spec, columns=()):
    with pytest.raises(ModelError) as caught:
        read_inputs(path, spec, columns)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) in text
    return text


def test_only_the_test_rows_of_a_split_table_are_run(tmp_path):
    """Training rows would flatter the score; labels are kept for scoring."""
    path = _table(tmp_path / "t.csv", [[1, 1, *range(18)], [1, 0, *range(18)], [0, 0, *range(18)]])
    inputs = read_inputs(path, ROW)
    assert [i.name for i in inputs] == ["t.csv:3", "t.csv:4"]
    assert [i.label for i in inputs] == [1, 0]
    assert np.array_equal(inputs[0].tensor, np.arange(18, dtype=np.float32)[None])


def test_columns_are_found_by_name_in_any_order(tmp_path):
    """A table with columns shuffled, and others between, gives the same features."""
    path = _table(tmp_path / "t.csv", [["x", *range(18)[::-1]]], ("note", *FEATURES[::-1]))
    (only,) = read_inputs(path, ROW)
    assert np.array_equal(only.tensor[0], np.arange(18))
    assert only.label is None


def test_the_card_may_name_other_columns(tmp_path):
    """A user's own model and table work with the columns of its card."""
    path = _table(tmp_path / "t.csv", [[1, 2, 3]], ("a", "b", "c"))
    (only,) = read_inputs(path, TensorSpec("x", "float32", (1, 2)), ("c", "a"))
    assert only.tensor.tolist() == [[3.0, 1.0]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abc", "line 2: column mean holds 'abc'"),
        ("nan", "line 2: column mean is nan"),
        ("", "line 2: column mean holds ''"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(tmp_path, value, words):
    """The line number is that of the file, header included."""
    row = [value if name == "mean" else 1 for name in FEATURES]
    assert words in _error(_table(tmp_path / "t.csv", [row], FEATURES), ROW)


def test_a_short_row_a_missing_column_and_an_empty_table_are_named(tmp_path):
    """Each tells what is missing."""
    short = _table(tmp_path / "s.csv", [range(10)], FEATURES)
    assert "line 2" in _error(short, ROW)
    assert "missing columns mean" in _error(
        _table(tmp_path / "m.csv", [], [f for f in FEATURES if f != "mean"]), ROW
    )
    assert "no rows" in _error(_table(tmp_path / "e.csv", [], FEATURES), ROW)
    trained = _table(tmp_path / "t.csv", [[1, 1, *range(18)]])
    assert "no rows to run with train=0" in _error(trained, ROW)


def test_a_bad_label_is_named(tmp_path):
    """Scoring needs 0 or 1."""
    path = _table(tmp_path / "t.csv", [["maybe", 0, *range(18)]])
    assert "column anomaly holds 'maybe'" in _error(path, ROW)


def test_arrays_of_one_of_many_and_of_a_large_scene(tmp_path):
    """The model's shape, that without batch, a stack, and a scene to be cut into tiles."""
    shapes = {(1, 2, 8, 8): 1, (2, 8, 8): 1, (5, 2, 8, 8): 5, (2, 20, 8): 3}
    for shape, count in shapes.items():
        np.save(tmp_path / "a.npy", np.zeros(shape))
        inputs = read_inputs(tmp_path / "a.npy", SCENE)
        assert len(inputs) == count
        assert all(i.tensor.shape == (1, 2, 8, 8) for i in inputs)
        assert all(i.tensor.dtype == np.float32 for i in inputs)


def test_tiles_cover_the_scene_and_say_where_they_lie(tmp_path):
    """The last tile is moved back so that the edge is seen too."""
    scene = np.arange(2 * 12 * 8, dtype=np.float32).reshape(2, 12, 8)
    np.save(tmp_path / "a.npy", scene)
    inputs = read_inputs(tmp_path / "a.npy", SCENE)
    assert [i.name for i in inputs] == ["a.npy@0,0", "a.npy@4,0"]
    assert np.array_equal(inputs[1].tensor[0], scene[:, 4:12])


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 7, 8), (18,), ()])
def test_an_array_of_the_wrong_shape_is_refused(tmp_path, shape):
    """The line tells both shapes."""
    np.save(tmp_path / "a.npy", np.zeros(shape))
    assert "the model takes 1x2x8x8" in _error(tmp_path / "a.npy", SCENE)


def test_arrays_that_are_no_numbers_are_refused(tmp_path):
    """Pickles are never opened; NaN is named; text files are not arrays."""
    np.save(tmp_path / "numbers.npy", np.zeros((1, 2, 8, 8)))
    header_of_objects = (tmp_path / "numbers.npy").read_bytes().replace(b"'<f8'", b"'|O' ")
    (tmp_path / "object.npy").write_bytes(header_of_objects)
    assert "not a NumPy array" in _error(tmp_path / "object.npy", SCENE)
    np.save(tmp_path / "nan.npy", np.full((5, 2, 8, 8), np.nan))
    assert "nan.npy[0] holds NaN" in _error(tmp_path / "nan.npy", SCENE)
    np.save(tmp_path / "text.npy", np.full((1, 2, 8, 8), "a"))
    assert "numbers are needed" in _error(tmp_path / "text.npy", SCENE)
    (tmp_path / "t.npy").write_text("hello")
    assert "not a NumPy array" in _error(tmp_path / "t.npy", SCENE)


def test_images_become_numbers_between_zero_and_one(tmp_path):
    """A colour image larger than the model's input is cut into tiles."""
    Image.new("RGB", (16, 8), (255, 0, 51)).save(tmp_path / "i.png")
    inputs = read_inputs(tmp_path / "i.png", RGB)
    assert len(inputs) == 2
    assert inputs[0].tensor[0, :, 0, 0] == pytest.approx([1.0, 0.0, 0.2])


def test_a_tiff_of_float_frames_keeps_its_kelvins(tmp_path):
    """Two bands come as two frames of 32-bit floats."""
    frames = [Image.fromarray(np.full((8, 8), k, np.float32)) for k in (310.0, 295.0)]
    frames[0].save(tmp_path / "s.tif", save_all=True, append_images=frames[1:])
    (only,) = read_inputs(tmp_path / "s.tif", SCENE)
    assert only.tensor[0, :, 3, 3].tolist() == [310.0, 295.0]


def test_bad_images_are_named(tmp_path):
    """Truncated, not an image, too small, wrong number of channels: one line each."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "i.png")
    data = (tmp_path / "i.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    assert "damaged image" in _error(tmp_path / "cut.png", RGB)
    (tmp_path / "text.png").write_text("not a picture")
    assert "not an image" in _error(tmp_path / "text.png", RGB)
    Image.new("RGB", (4, 4)).save(tmp_path / "small.png")
    assert "has shape 3x4x4" in _error(tmp_path / "small.png", RGB)
    assert "takes 2 channels" in _error(tmp_path / "i.png", SCENE)
    assert "not an image; give .npy" in _error(tmp_path / "i.png", ROW)


def test_a_folder_is_read_in_order_and_an_empty_one_refused(tmp_path):
    """Other files are left alone as long as something is readable."""
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(ModelError, match="no input files in this folder"):
        read_inputs(tmp_path, SCENE)
    for name in ("b.npy", "a.npy"):
        np.save(tmp_path / name, np.zeros((2, 8, 8)))
    assert [i.name for i in read_inputs(tmp_path, SCENE)] == ["a.npy", "b.npy"]


def test_what_cannot_be_read_is_said(tmp_path):
    """A missing path and an unknown kind of file."""
    assert "no such file" in _error(tmp_path / "gone", SCENE)
    (tmp_path / "a.txt").write_text("hello")
    assert "cannot read .txt" in _error(tmp_path / "a.txt", SCENE)


def test_a_table_for_a_scene_model_is_refused(tmp_path):
    """A row of 18 columns is no scene."""
    assert "which columns" in _error(_table(tmp_path / "t.csv", [[0, 0, *range(18)]]), SCENE)
