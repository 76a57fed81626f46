"""The network of `hotspot` and `cloud-mask` and how it learns: a probability for each pixel of a square.

Fully convolutional: every layer looks further around, the last one adds up.
"""

from dataclasses import dataclass

import torch

CHANNELS = 16
BATCH = 8
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-4


class PixelNetwork(torch.nn.Module):
    """3 x 3 convolutions of these dilations over `width` planes.

    Args:
        normalise: what comes before; None for nothing. Made first, so that seeds give the same weights.
    """

    def __init__(
        self, width: int, dilations: tuple[int, ...], normalise: torch.nn.Module | None = None
    ) -> None:
        super().__init__()
        self.normalise = normalise
        layers: list[torch.nn.Module] = []
        for dilation in dilations:
            layers += [
                torch.nn.Conv2d(width, CHANNELS, 3, padding=dilation, dilation=dilation),
                torch.nn.ReLU(),
            ]
            width = CHANNELS
        self.layers = torch.nn.Sequential(*layers, torch.nn.Conv2d(width, 1, 1))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """The score before the sigmoid, (n, 1, height, width)."""
        return self.layers(x if self.normalise is None else self.normalise(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Probability, (n, 1, height, width)."""
        return torch.sigmoid(self.logits(x))


@dataclass(frozen=True, slots=True)
class Lesson:
    """Images (n, planes, size, size), the truth of each pixel and which of them count (n, size, size).

    `positive_weight` is for rare truths.
    """

    images: torch.Tensor
    truth: torch.Tensor
    counted: torch.Tensor
    positive_weight: float = 1.0


def train(model: PixelNetwork, lesson: Lesson, epochs: int) -> PixelNetwork:
    """Teach it; after one `torch.manual_seed` the same lesson gives the same weights on one machine."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(lesson.positive_weight))
    count = len(lesson.images)
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(count).split(BATCH):
            optimiser.zero_grad()
            logits = model.logits(_turned(lesson.images[batch], epoch)).squeeze(1)
            seen = _turned(lesson.counted[batch], epoch)
            error = loss(logits[seen], _turned(lesson.truth[batch], epoch)[seen])
            error.backward()
            optimiser.step()
            total += float(error.detach()) * len(batch)
        schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / count:.5f}", flush=True)
    return model.eval()


def _turned(x: torch.Tensor, epoch: int) -> torch.Tensor:
    """Another of the eight views of a square each epoch."""
    turned = torch.rot90(x, epoch % 4, dims=(-2, -1))
    return turned.flip(-1) if epoch // 4 % 2 else turned
