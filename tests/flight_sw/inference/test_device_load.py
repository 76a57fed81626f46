"""Weights in device buffers of ours: the way to a GPU, walked here with the processor as the device."""

import numpy as np
import onnxruntime as ort
import pytest

from flight_sw.inference import worker_messages as w
from flight_sw.inference.compile import compile_by
from flight_sw.inference.device_load import DeviceModel, load_on
from flight_sw.inference.live_files import LoadError, stage
from flight_sw.inference.manifest import Route
from flight_sw.inference.prove import proof_inputs, prove
from flight_sw.inference.provider import KEPT, NAMES, Provider
from flight_sw.inference.tensors import pack
from flight_sw.inference.worker import Worker
from flight_sw.radiation.native import crc32c


@pytest.fixture(params=["hotspot", "telemetry-anomaly"])
def on_device(request, tmp_path):
    """A shipped model in device form, loaded on the stand-in."""
    from hil.applications.models import find_model

    source = find_model(request.param)
    compile_by(source, tmp_path / "compiled", crc32c, Route.DEVICE)
    manifest = stage(tmp_path / "compiled", tmp_path / "live")
    return DeviceModel(tmp_path / "live", manifest, Provider.CPU), tmp_path / "live", source


def test_every_weight_on_a_device_is_proven_live(on_device):
    """By the same proof as everywhere, through `add_initializer`; and the answer is the default one."""
    from hil.applications.golden import GoldenTwin

    model, live_dir, source = on_device
    assert prove(model, live_dir).coverage >= 0.999
    twin = GoldenTwin(source)
    for tensors in proof_inputs(model.manifest.inputs)[:2]:
        for ours, theirs in zip(model.run(tensors), twin.run(tensors), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_damage_on_the_device_is_found_and_mended_bit_for_bit(on_device):
    """The device's bytes are compared with ours, which the scrub keeps right."""
    model, _, _ = on_device
    tensors = proof_inputs(model.manifest.inputs)[0]
    golden = pack(model.run(tensors))
    blob = max(model.manifest.blobs, key=lambda one: one.length)
    place = model.view[blob.offset : blob.offset + blob.length]
    place ^= 0x55
    model.sync(blob)
    place ^= 0x55
    assert model.damaged() == (blob.name,)
    assert pack(model.run(tensors)) != golden
    model.sync(blob)
    assert model.damaged() == ()
    assert pack(model.run(tensors)) == golden


def test_a_profile_that_asks_for_what_is_not_here_is_refused_with_the_remedy(on_device):
    """One reason, and no silent fall back to the processor."""
    _, live_dir, _ = on_device
    for provider in (Provider.CUDA, Provider.TENSORRT):
        if NAMES[provider] in ort.get_available_providers():
            pytest.skip(f"{provider.value} is here")
        with pytest.raises(LoadError, match=r"set inference\.provider: cpu"):
            load_on(provider, live_dir)
        told = Worker(provider).handle(w.Load(slot=1, model_dir=str(live_dir)))
        assert isinstance(told, w.LoadFailed)


def test_answers_of_a_device_are_never_called_protected(on_device, monkeypatch):
    """Proven live is not scrubbed: only jobs of class none may run there."""
    model, live_dir, _ = on_device
    monkeypatch.setattr("flight_sw.inference.worker.load_on", lambda *_: model)
    for provider, kept, coverage in (
        (Provider.CUDA, "proven only", 1.0),
        (Provider.TENSORRT, "engine: canary only", 0.0),
    ):
        told = Worker(provider).handle(w.Load(slot=1, model_dir=str(live_dir)))
        assert (told.kept, told.coverage, told.protectable) == (kept, coverage, False)
    assert set(KEPT) == set(Provider)
