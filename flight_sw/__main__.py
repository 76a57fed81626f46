"""The composition root of what flies: `python -m flight_sw controller …` or `… node …`."""

import argparse
import shlex
import sys
from pathlib import Path

from flight_sw.errors import ProfileError, StoreError, UserError
from flight_sw.profile import Profile, parse_profile

EXIT_USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, and turn a user's mistake into one line and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except UserError as error:
        print(f"vanallen: {error}", file=sys.stderr)
        return EXIT_USER_ERROR


def read_profile(file: Path) -> Profile:
    """The profile in a file.

    Raises:
        ProfileError: the file cannot be read, or what `parse_profile` finds.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ProfileError(f"{file}: cannot read the profile: {reason}; check the path") from error
    return parse_profile(text, str(file))


def _run(options: argparse.Namespace) -> int:
    if options.program == "slots":
        return _slots(options)
    # Imported here, so that a node does not load the controller's libraries, nor the other way.
    profile = read_profile(options.profile)
    if options.program == "node":
        from flight_sw.node_runner import NodeOptions, run_node

        return run_node(NodeOptions(profile, options.port, options.models, options.root))
    from flight_sw.controller_runner import ControllerOptions, run_controller

    return run_controller(
        ControllerOptions(profile, options.board_port, options.space, options.keys, options.state)
    )


def _slots(options: argparse.Namespace) -> int:
    from flight_sw.devices.slots import Hooks, SlotStore

    hooks = Hooks(shlex.split(options.on_confirm), shlex.split(options.on_roll_back))
    store = SlotStore(options.folder, hooks)
    if options.verb == "spare":
        print(store.spare())
        return 0
    acts = {"choose": store.choose, "try": store.try_other, "confirm": store.confirm}
    try:
        acts.get(options.verb, store.load)()
    except StoreError as error:
        raise UserError(f"{error}; is --folder right, and may you write there?") from error
    state = store.load()
    trial = f", {state.trial} on trial for {state.boots_left} more boots" if state.trial else ""
    print(f"{state.confirmed} confirmed{trial}, {state.rolled_back} rolled back")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flight_sw", description=__doc__)
    programs = parser.add_subparsers(dest="program", required=True)
    node = programs.add_parser("node", help="the board's side")
    node.add_argument("--profile", type=Path, required=True, help="board profile, YAML")
    node.add_argument("--port", required=True, help="serial port to the controller")
    node.add_argument("--models", type=Path, required=True, help="folder with the model slots")
    node.add_argument("--root", type=Path, default=Path("/"), help="root of sysfs and /dev")
    slots = programs.add_parser("slots", help="trial boot of new software or models")
    slots.add_argument("verb", choices=("status", "spare", "choose", "try", "confirm"))
    slots.add_argument("--folder", type=Path, required=True, help="where slot-a and slot-b are")
    slots.add_argument("--on-confirm", default="", help="command of the platform after a confirm")
    slots.add_argument(
        "--on-roll-back", default="", help="command of the platform after a way back"
    )
    controller = programs.add_parser("controller", help="the payload's brain")
    controller.add_argument("--profile", type=Path, required=True, help="board profile, YAML")
    controller.add_argument("--board-port", required=True, help="serial port to the board")
    controller.add_argument(
        "--space", default="tcp://127.0.0.1:5540", help="tcp://host:port, or a serial port"
    )
    controller.add_argument("--keys", type=Path, required=True, help="key file, mode 0600")
    controller.add_argument("--state", type=Path, required=True, help="folder for durable records")
    return parser


if __name__ == "__main__":
    sys.exit(main())
