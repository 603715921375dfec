import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest

from zfbench.base.errors import DamagedFileError, UnknownNameError, ZfbenchError
from zfbench.base.files import sha256
from zfbench.testbed import data, recording
from zfbench.testbed.drive import DriveRecording


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def built(own_cache, data_cache):
    """The folder of a data set of one's own, copied from that of all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZFBENCH_CACHE", str(data_cache))
        known = data.build("tiny").folder
    folder = data.cache_folder("tiny")
    assert folder.is_relative_to(own_cache)
    shutil.copytree(known, folder)
    return folder


def test_the_shipped_recording_is_the_committed_one():
    assert recording.sha256_of(recording.shipped()) == recording.committed_checks().recording_sha256


def test_a_built_data_set_verifies(own_cache):
    checks = data.verify("tiny")
    assert len(checks) == 4
    assert all(check.passed for check in checks), checks


def test_two_builds_are_identical(own_cache):
    first = data.build("tiny")
    file = first.folder / "arrays.npz"
    before = file.read_bytes()
    second = data.build("tiny", force=True)
    assert file.read_bytes() == before
    assert first.sha256 == second.sha256
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes()


def test_a_killed_build_leaves_nothing_that_is_believed(own_cache, monkeypatch):
    def killed(file, **_):
        file.write(b"half an archive")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", killed)
        with pytest.raises(KeyboardInterrupt):
            data.build("tiny")
    assert not list(own_cache.rglob("manifest.json"))
    assert all(check.passed for check in data.verify("tiny"))


@pytest.mark.usefixtures("built")
def test_readers_are_served_while_a_data_set_is_built_again(monkeypatch):
    first, read, derive = data.build("tiny"), [], data.derive

    def watched(*arguments):
        read.append(data.build("tiny"))
        return derive(*arguments)

    monkeypatch.setattr(data, "derive", watched)
    data.build("tiny", force=True)
    assert len(read) == 1
    assert read[0].arrays.keys() == first.arrays.keys()


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
@pytest.mark.parametrize("force", [False, True])
def test_a_cache_that_cannot_be_written_names_the_variable(monkeypatch, place, force):
    monkeypatch.setenv("ZFBENCH_CACHE", place)
    monkeypatch.setattr(data, "derive", lambda *_: {"a": np.zeros(1)})
    with pytest.raises(ZfbenchError, match=r"Cannot write to the folder .*set the environment variable ZFBENCH_CACHE"):
        data.build("tiny", force=force)


@pytest.mark.parametrize("victim", ["arrays.npz", "manifest.json"])
def test_a_damaged_cache_is_named_with_the_command_that_mends_it(built, victim):
    content = bytearray((built / victim).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (built / victim).write_bytes(content)
    if victim == "manifest.json":
        (built / victim).write_text("{")
    with pytest.raises(DamagedFileError, match=r"zfbench data build --tier tiny --force"):
        data.build("tiny")
    assert all(check.passed for check in (data.build("tiny", force=True), data.verify("tiny"))[1])


@pytest.mark.parametrize("what", ["activity", "drive"])
def test_arrays_that_were_replaced_with_their_manifest_are_refused(built, what):
    with np.load(built / "arrays.npz") as kept:
        arrays = dict(kept)
    arrays[f"inward/80000/{what}"][9_999] += 0.01
    np.savez(built / "arrays.npz", **arrays)
    manifest = json.loads((built / "manifest.json").read_text())
    manifest["arrays_sha256"] = sha256(built / "arrays.npz")
    (built / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedFileError, match=r"at 89999 ms of 'inward' it differs .* build --tier tiny --force"):
        data.load_dataset.__wrapped__("tiny")


@pytest.mark.usefixtures("built")
def test_verify_notices_a_wrong_constant(monkeypatch):
    committed = recording.committed_checks()
    wrong = {c: p + 1e-4 for c, p in committed.probes.items()}
    monkeypatch.setattr(data, "committed_checks", lambda _: replace(committed, probes=wrong))
    failed = [check.what for check in data.verify("tiny") if not check.passed]
    assert failed == ["activity probes"]


def test_an_unknown_tier_suggests_the_nearest(own_cache):
    with pytest.raises(UnknownNameError, match="did you mean 'tiny'"):
        data.build("tinny")


def test_every_tier_has_its_own_hash_and_the_hash_names_the_drive():
    assert data.data_sha256("tiny") != data.data_sha256("standard")


def test_content_hash_sees_every_field():
    known = dict(recording.shipped())
    reference = recording.sha256_of(known)
    for field in fields(DriveRecording):
        changed = getattr(known["left"], field.name).copy()
        changed.flat[0] += 1
        assert recording.sha256_of(known | {"left": replace(known["left"], **{field.name: changed})}) != reference
        assert recording.differences(replace(known["left"], **{field.name: changed}), known["left"]) == [field.name]


def test_recordings_survive_the_files_they_are_shipped_in(tmp_path, monkeypatch):
    recording.save(recording.shipped(), tmp_path)
    content = json.loads((tmp_path / "published.json").read_text())
    assert content["recording_sha256"] == recording.committed_checks().recording_sha256
    with np.load(tmp_path / "published.npz") as arrays:
        assert arrays["left/responses"].tobytes() == recording.shipped()["left"].responses.tobytes()


def test_the_closed_loop_reproduces_the_shipped_recording_where_it_was_made():
    different = recording.differences(recording.record("outward"), recording.shipped()["outward"])
    if different:
        pytest.skip(f"this machine's arithmetic records another fish ({', '.join(different)} differ)")
    assert not different


def test_a_hundred_seconds_are_recorded_of_every_condition():
    for known in recording.shipped().values():
        assert known.steps >= recording.STEPS
