"""The only place that touches the world: clocks, ports, files, sensors, switches."""
