"""Wheels for another machine: written anew with the right tag, whole, and the same every time."""

import zipfile
from pathlib import Path

from hil.rig import wheelhouse
from hil.rig.wheelhouse import retag, without_extension


def make_wheel(folder):
    """A wheel as a build leaves it: tagged for the machine it ran on."""
    wheel = folder / "thing-1.0-cp311-abi3-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing/__init__.py", "x = 1\n")
        archive.writestr("thing/_core.abi3.so", b"\x7fELF")
        archive.writestr(
            "thing-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-abi3-linux_x86_64\n",
        )
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    return wheel


def test_a_retagged_wheel_names_arm_and_lists_what_it_holds(tmp_path):
    """Name, tag and record agree, and the second time gives the same bytes."""
    out = tmp_path / "out"
    out.mkdir()
    wheel = retag(make_wheel(tmp_path), out)
    assert wheel.name == "thing-1.0-cp311-abi3-linux_aarch64.whl"
    first = wheel.read_bytes()
    assert retag(make_wheel(tmp_path), out).read_bytes() == first
    with zipfile.ZipFile(wheel) as archive:
        assert "Tag: cp311-abi3-linux_aarch64" in archive.read("thing-1.0.dist-info/WHEEL").decode()
        record = archive.read("thing-1.0.dist-info/RECORD").decode().splitlines()
        listed = {line.partition(",")[0] for line in record}
        assert listed == set(archive.namelist())


def test_an_extension_for_another_python_is_left_out(tmp_path):
    """What was compiled with the wrong headers must not be loaded there."""
    out = tmp_path / "out"
    out.mkdir()
    wheel = without_extension(make_wheel(tmp_path), out)
    assert wheel.name == "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]


def test_a_wheelhouse_may_be_named_from_where_one_stands(tmp_path, monkeypatch):
    """Found as a traceback of `vanallen board wheels wheels/`: pip runs in the folder itself."""
    monkeypatch.chdir(tmp_path)

    def pip(command, where):
        words = [str(word) for word in command]
        if "--wheel-dir" in words:
            make_wheel(where.folder / words[words.index("--wheel-dir") + 1])

    monkeypatch.setattr(wheelhouse, "run_tool", pip)
    (wheel,) = wheelhouse.dependency_wheels(Path("wheels"), ("cobs",))
    assert wheel.name.startswith("thing-1.0-")
    assert [one.name for one in (tmp_path / "wheels").iterdir()] == [wheel.name]
