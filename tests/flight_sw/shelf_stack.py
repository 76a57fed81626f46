"""A stack whose board has a model store on disk and the real runtime, on the same virtual clock."""

from pathlib import Path

from flight_sw.inference import worker_messages as w
from flight_sw.inference.worker import Worker
from flight_sw.model_shelf import ModelShelf
from flight_sw.node import BoardFacts, Node, NodeInputs, Readings
from tests.flight_sw.stack import Stack


class InlineWorker:
    """The worker's own code behind the codec of its pipe; `dies_on` names a request that kills it."""

    def __init__(self) -> None:
        self.alive = False
        self.dies_on: type | None = None

    def start(self) -> None:
        """A fresh worker."""
        self.alive = True
        self._worker, self._requests = Worker(), w.RequestDecoder()

    def exchange(self, data: bytes) -> bytes:
        """Take requests and give replies."""
        replies = b""
        for request in self._requests.feed(data) if self.alive else ():
            if self.dies_on is not None and isinstance(request, self.dies_on):
                self.alive = False
                return b""
            replies += b"".join(map(w.encode, self._worker.answer(request)))
        if self.alive:
            replies += b"".join(map(w.encode, self._worker.turn()))
        return replies


class ShelfStack(Stack):
    """A board with a model store on disk; its memory is lost with its power, the store is not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = 0
        self.shelf: ModelShelf
        super().__init__()

    def boot_board(self) -> None:
        """Memory is new, the store is as it was left."""
        self.places += 1
        memory = self.folder / f"memory-{self.places}"
        memory.mkdir()
        self.shelf = ModelShelf(self.folder / "store", memory)
        models = self.shelf.stage_all()
        self.worker = InlineWorker()
        session = round(self.now * 1000) + 7
        shelf = self.shelf
        facts = BoardFacts("0001", self.places, session, shelf.trials, left_out=shelf.left_out)
        self.node = Node(self.profile, models, facts)
        self._shelved = ()
        self._to_node = self._to_controller = self._to_worker = b""

    def _step_node(self) -> None:
        serial, self._to_node = self._to_node, b""
        inputs = NodeInputs(
            serial=serial,
            worker=self.worker.exchange(self._to_worker),
            worker_alive=self.worker.alive,
            readings=Readings(self.temp_c, 2.5, 1800.0),
            shelved=self._shelved,
        )
        self._shelved = ()
        outputs, _ = self.node.step(self.now, inputs)
        if outputs.start_worker:
            self.worker.start()
        for order in outputs.shelf:
            news, models = self.shelf.carry_out(order)
            self._shelved += (news,)
            if models is not None:
                self.node.adopt(order.slot, models)
        self._to_worker = b"" if outputs.start_worker else outputs.worker
        if outputs.start_worker:
            self._to_worker = outputs.worker
        self._to_controller += outputs.serial
