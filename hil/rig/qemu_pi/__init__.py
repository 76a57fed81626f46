"""A Raspberry Pi 3 in QEMU: image, power, cable, silicon that QEMU lacks, and faults."""
