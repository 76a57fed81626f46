"""Baselines, each after its model's own rules: fixed modes, bang-bang, the Linux governors, clamps.

Sources: Linux drivers/thermal/gov_step_wise.c, gov_power_allocator.c (with its defaults for the integral
cutoff), gov_bang_bang.c; Raspberry Pi documentation; the trips of NVIDIA's mainline device tree.
"""

from dataclasses import dataclass, field

from hil.governors.policy import Order, Sight, Task

JETSON_TRIP_C, JETSON_RELEASE_C = (
    99.0,
    97.0,
)  # tegra234 device tree: throttle trip, hysteresis assumed


@dataclass(slots=True)
class Fixed:
    """One level for ever, as a fixed power mode."""

    level: int

    def decide(self, _: Sight) -> Order:
        """Always the same."""
        return Order(self.level)


@dataclass(slots=True)
class BangBang:
    """Slowest above the trip, fastest below trip less hysteresis."""

    task: Task
    trip_c: float
    hysteresis_k: float
    slow: bool = False

    def decide(self, sight: Sight) -> Order:
        """Two states."""
        if sight.temp_c >= self.trip_c:
            self.slow = True
        elif sight.temp_c <= self.trip_c - self.hysteresis_k:
            self.slow = False
        return Order(0 if self.slow else self.task.top)


@dataclass(slots=True)
class StepWise:
    """Linux step_wise: above the trip and rising one state deeper, falling one back."""

    task: Task
    trip_c: float
    depth: int = 0
    before_c: float | None = None

    def decide(self, sight: Sight) -> Order:
        """One state per poll at most."""
        before_c = sight.temp_c if self.before_c is None else self.before_c
        rising, falling = sight.temp_c > before_c, sight.temp_c < before_c
        self.before_c = sight.temp_c
        if sight.temp_c >= self.trip_c:
            if rising:
                self.depth = min(self.depth + 1, self.task.top)
            elif falling:
                self.depth = max(self.depth - 1, 1)
        elif not rising:
            self.depth = max(self.depth - 1, 0)
        return Order(self.task.top - self.depth)


@dataclass(slots=True)
class PowerAllocator:
    """Linux power_allocator: a PID loop on temperature gives power, power gives the level."""

    task: Task
    desired_c: float
    switch_on_c: float
    sustainable_w: float
    integral: float = 0.0
    before_k: float | None = field(default=None)

    def decide(self, sight: Sight) -> Order:
        """Power up to what the loop allows, once the first trip is passed."""
        task = self.task
        if sight.temp_c < self.switch_on_c:
            self.integral, self.before_k = 0.0, None
            return Order(task.top)
        error_k = self.desired_c - sight.temp_c
        span_k = self.desired_c - self.switch_on_c
        # Kernel: k_pu = 2 sustainable / span, k_po = sustainable / span, k_i = k_pu / 10, no k_d.
        undershoot = 2 * self.sustainable_w / span_k
        gain = undershoot if error_k > 0 else self.sustainable_w / span_k
        if error_k < 0:  # integral cutoff 0: only above the trip
            self.integral += 0.1 * undershoot * error_k
        else:
            self.integral = min(0.0, self.integral + 0.1 * undershoot * error_k)
        power_w = self.sustainable_w + gain * error_k + self.integral
        allowed = [i for i, busy_w in enumerate(task.model.busy_w) if busy_w <= power_w]
        return Order(allowed[-1] if allowed else 0)


@dataclass(slots=True)
class PiFirmware:
    """The top level always; the board's own firmware, part of the plant, follows its table."""

    task: Task

    def decide(self, _: Sight) -> Order:
        """Leave it to the firmware."""
        return Order(self.task.top)


@dataclass(slots=True)
class JetsonClamp:
    """The top level until 99 degrees, then the slowest."""

    task: Task
    clamped: bool = False

    def decide(self, sight: Sight) -> Order:
        """A last resort only."""
        trip_c = JETSON_RELEASE_C if self.clamped else JETSON_TRIP_C
        self.clamped = sight.temp_c >= trip_c
        return Order(0 if self.clamped else self.task.top)


@dataclass(slots=True)
class Barrier:
    """One marginal cost from heat, charge and queue, in the spirit of Equinox (arXiv 2604.19958).

    Written anew from its idea: each level gains what it works off, and pays barriers that rise without
    bound towards the temperature limit and the empty battery.
    """

    task: Task
    heat_price: float
    energy_price: float

    def decide(self, sight: Sight) -> Order:
        """The level with the best balance; none if all lose."""
        task, model = self.task, self.task.model
        headroom_k = max(task.limit_c - sight.temp_c, 0.1)
        reserve = max(sight.charge - task.cut_charge, 0.002)
        queued_s = sum(work for _, work in sight.due)
        urgency = sum(work / max(left, 1.0) for left, work in sight.due)
        price = self.heat_price / headroom_k + self.energy_price / reserve
        gains = [
            min(speed, queued_s) * (0.2 + urgency) - price * (busy_w - model.idle_w)
            for speed, busy_w in zip(model.speeds, model.busy_w, strict=True)
        ]
        best = max(range(len(gains)), key=gains.__getitem__)
        return Order(best, hold=gains[best] < 0)
