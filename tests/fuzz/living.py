"""A payload that lives on from input to input, so that an input costs steps and not a boot.

It starts afresh after LIFE inputs. When an input fails, the ones before it are named with the error:
the last alone may not be enough to see it again.
"""

from collections.abc import Callable

from tests.flight_sw.stack import Stack

LIFE = 200


class Living:
    """A stack in NOMINAL and what was done to it since it booted."""

    def __init__(self) -> None:
        self._stack: Stack | None = None
        self._inputs: list[bytes] = []

    def run(self, data: bytes, act: Callable[[Stack, bytes], None]) -> None:
        """Do one thing to the payload and let it step."""
        if self._stack is None or len(self._inputs) >= LIFE:
            self._stack, self._inputs = Stack(), []
            self._stack.fly()
        self._inputs.append(data)
        try:
            act(self._stack, data)
        except BaseException as error:
            error.add_note(f"inputs since boot: {[data.hex() for data in self._inputs]}")
            self._stack = None
            raise
        self._stack.events.clear()
        self._stack.sentences.clear()
        self._stack.reports.clear()
