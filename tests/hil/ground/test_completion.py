"""The shell offers what the dictionary knows."""

from hil.ground.completion import arguments, commands


def test_commands_are_completed_with_their_help():
    """`set-m` can only become set-mode."""
    assert [name for name, _ in commands("set-m")] == ["set-mode"]
    assert dict(commands(""))["ping"]


def test_arguments_that_are_still_missing_are_offered():
    """What was given is not offered again."""
    assert arguments("set-parameter", [], "") == ["parameter=", "value="]
    assert arguments("set-parameter", ["parameter=scrub_pass"], "v") == ["value="]


def test_choices_are_offered_as_values():
    """After the equals sign come the choices that begin so."""
    assert arguments("set-mode", [], "mode=N") == ["mode=NOMINAL"]


def test_unknown_command_offers_nothing():
    """A misspelt command is the sender's to explain, not the shell's."""
    assert arguments("sett-mode", [], "") == []
    assert arguments(None, [], "x=") == []
