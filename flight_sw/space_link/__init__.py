"""Bytes of the space link to packets and back: packet, sdls, tc_frame, cltu, tm_frame, farm, link.

Everything here is sans-I/O: bytes and counters go in, values come out. The controller and the
ground use the same modules, each holding the ends of the link that are its own.
"""
