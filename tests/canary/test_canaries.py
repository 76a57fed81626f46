"""Canaries: builds broken on purpose. Each must be caught, or "no failures" says nothing (figure F13).

A canary takes one protection out of the running software, and the campaign that guards it is run as it
is: its own checks have to fail.
"""

import os
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight_sw.inference.job import Protection
from flight_sw.radiation.voted import VotedRecord
from hil.campaign.trials.kit import open_kit
from hil.campaign.trials.stack_bench import run_stack_trials
from hil.faults.classes import FaultClass
from tests.attack.attacked import Attacked
from tests.attack.test_floods import none_of
from tests.crash.cases import RecordCase
from tests.crash.explore import Explorer
from tests.flight_sw.stack import Stack
from tests.watchdog import test_starving

pytestmark = pytest.mark.figure("F13")

FORGED = 400
VOTE_FAULTS = 8
MAC_BYTES, IV_BYTES = 16, 12


class Uncaught(Exception):
    """The campaign was content with a broken build."""


@pytest.fixture
def caught(figure):
    """Runs a campaign that must fail, and records whether it did."""

    def run(campaign, by):
        figure("F13.canaries", 1)
        try:
            campaign()
        except by as failure:
            figure("F13.missed", 0)
            return str(failure)
        figure("F13.missed", 1)
        raise Uncaught

    return run


class UncheckedGcm:
    """AES-GCM that decrypts whatever comes and compares no MAC."""

    def __init__(self, key):
        self._key = key

    def encrypt(self, iv, plain, header):
        return AESGCM(self._key).encrypt(iv, plain, header)

    def decrypt(self, iv, sealed, header):
        reader = Cipher(algorithms.AES(self._key), modes.GCM(iv)).decryptor()
        return reader.update(sealed[:-MAC_BYTES])


def first_copy(record):
    """A read that believes the first of the three copies, seal and all."""
    size = struct.calcsize(record._layout.format)
    return dict(zip(record._defaults, record._layout.unpack(record._copies[0][:size]), strict=True))


class NoSync:
    """The module `os`, whose fsync does nothing."""

    def __getattr__(self, name):
        return (lambda _: None) if name == "fsync" else getattr(os, name)


def votes():
    """The campaign of bit flips in voted state: after each, nothing may be silent, hang or be dead."""
    with open_kit("hotspot", "emulated", Protection.STANDARD) as kit:
        trials = list(run_stack_trials(kit, FaultClass.SEU_STATE, 3, range(VOTE_FAULTS)))
    assert not [trial for trial in trials if trial.failed], "silent, hang or dead"


def test_with_the_vote_off_its_campaign_fails(caught, monkeypatch):
    """Flips in control state are believed: a wrong mode, or one that there is not."""
    monkeypatch.setattr(VotedRecord, "read", first_copy)
    caught(votes, by=(AssertionError, ValueError))


def test_with_the_mac_off_its_campaign_fails(caught, monkeypatch):
    """A link that works for its owner takes forged frames too, and its state moves."""
    monkeypatch.setattr("flight_sw.space_link.sdls.AESGCM", UncheckedGcm)
    Attacked("cobs").serves()
    caught(lambda: none_of(FORGED, "cobs", lambda *_: None), by=AssertionError)


def test_with_the_watchdog_fed_blindly_its_test_fails(caught, monkeypatch):
    """Feeding goes on with the sensors dead."""
    monkeypatch.setattr("flight_sw.node.NodeLife.may_feed", lambda life, now: True)
    stack = Stack()
    stack.fly()
    bench = test_starving.NodeBench(stack)
    why = caught(
        lambda: test_starving.test_without_readings_the_watchdog_starves(bench), by=AssertionError
    )
    assert why.startswith("fed to the end")


def test_with_fsync_off_its_campaign_fails(caught, monkeypatch, tmp_path):
    """Values promised to be durable are lost in a power cut."""
    monkeypatch.setattr("flight_sw.devices.storage.os", NoSync())

    def cut():
        explorer = Explorer(RecordCase(), tmp_path, 0)
        explorer.crashes(depth=1)
        assert not explorer.tally.broken

    caught(cut, by=AssertionError)


def test_with_the_vote_on_its_campaign_passes():
    """What it catches is the canary; the other three run unbroken where they are taken from."""
    votes()
