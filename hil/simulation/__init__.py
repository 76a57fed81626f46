"""The whole stack in virtual time: controller, node, emulated devices and ground on one event heap."""
