from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from brainseg.data import decoding, isolation, readers
from brainseg.errors import ChoiceNeeded, ScanError
from tests.data.scan_files import nifti, picture, series

HEAD = nifti(np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8), np.diag([1.0, 1, 3, 1]))


@pytest.fixture(autouse=True)
def no_process_is_left() -> object:
    yield
    isolation.close()


def played_by(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let a program of ours stand in for the process that decodes."""

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", f"import os, sys, time\n{code}"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(isolation, "_start", start)


def test_an_upload_is_what_the_reader_makes_of_it() -> None:
    for files in ([("a.nii.gz", HEAD)], series(3, WindowCenter="40", WindowWidth="80")):
        found, expected = decoding.read_limited(files), readers.read_series(files)
        assert np.array_equal(found.voxels, expected.voxels)
        assert np.array_equal(found.affine, expected.affine)
        for fact in ("spacing_mm", "source", "coloured", "window", "truth", "patient"):
            assert getattr(found, fact) == getattr(expected, fact)


def test_refusals_are_the_readers_own() -> None:
    damaged = picture(np.eye(20, dtype=np.uint8))[:-20]
    with pytest.raises(ScanError) as here:
        readers.read(damaged, "<b>.png")
    with pytest.raises(ScanError) as there:
        decoding.read_limited([("<b>.png", damaged)])
    assert str(there.value) == str(here.value)


def test_what_is_no_scan_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_start", lambda: pytest.fail("a process was started"))
    for files in ([], [("a", b"")], [("a", b"text")], [("a", b"x"), ("b", b"y")]):
        with pytest.raises(ScanError):
            decoding.read_limited(files)


def test_of_several_volumes_one_is_asked_for() -> None:
    values = np.stack([np.full((4, 5, 6), n, np.float32) for n in range(3)], axis=-1)
    files = [("bold.nii.gz", nifti(values, np.diag([1.0, 1, 3, 1])))]
    with pytest.raises(ChoiceNeeded, match=r"bold\.nii\.gz: it holds 3 volumes") as choice:
        decoding.read_limited(files)
    assert choice.value.count == 3
    assert (decoding.read_limited(files, volume_index=2).voxels == 2).all()


def test_several_threads_at_once_get_their_own_answers() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (40, 30 + n), dtype=np.uint8) for n in range(4)]

    def decoded(pixels: np.ndarray) -> np.ndarray:
        return decoding.read_limited([("a.png", picture(pixels))]).voxels[0]

    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(decoded, pictures), pictures, strict=True):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "code", ["os.abort()", "sys.exit(1)", "sys.stdin.buffer.readline(); os.kill(os.getpid(), 11)"]
)
def test_a_decoder_that_crashes_costs_one_sentence(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    played_by(monkeypatch, code)
    with pytest.raises(ScanError, match=r"a\.nii\.gz: a decoder gave up on it"):
        decoding.read_limited([("a.nii.gz", HEAD)])


@pytest.mark.parametrize("code", ["time.sleep(60)", "while True: pass"])
def test_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    played_by(monkeypatch, code)
    monkeypatch.setattr(isolation, "WALL_SECONDS", 0.3)
    with pytest.raises(ScanError, match="takes too long"):
        decoding.read_limited([("a.nii.gz", HEAD)])


@pytest.mark.parametrize(
    "reply",
    [
        "not JSON",
        '{"fields": {"shape": [1, 2, 3]}, "sizes": []}',
        '{"fields": {}, "sizes": [-1]}',
        '{"fields": {}, "sizes": [99999999999]}',
        '{"fields": {"shape": [9999999, 9999999, 1]}, "sizes": []}',
        '{"fields": {"shape": "x"}, "sizes": []}',
        "[]",
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    played_by(monkeypatch, f"sys.stdin.buffer.read(10); print({reply!r})")
    with pytest.raises(ScanError, match=r"^a\.nii\.gz: "):
        decoding.read_limited([("a.nii.gz", HEAD)])


def test_the_text_of_a_refusal_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = '{"fields": {"refused": "a\\u0007b\\nc\\u202e' + "x" * 900 + '"}, "sizes": []}'
    played_by(monkeypatch, f"sys.stdin.buffer.read(10); print({reply!r})")
    with pytest.raises(ScanError) as caught:
        decoding.read_limited([("a.nii.gz", HEAD)])
    assert str(caught.value).startswith("a b c x")
    assert len(str(caught.value)) == 500


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to RLIMIT_AS")
def test_the_process_has_no_more_memory_than_its_limit() -> None:
    code = (
        "from brainseg.data import isolation\n"
        "isolation.limit_this_process()\n"
        "try: bytearray(isolation.MEMORY_BYTES)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def _decoders() -> list[psutil.Process]:
    """Return the decoding processes of this one, which may have servers and browsers besides."""
    children = psutil.Process().children()
    words = [child.as_dict(["cmdline"])["cmdline"] or () for child in children]
    return [c for c, said in zip(children, words, strict=True) if "brainseg.data.isolated" in said]


def test_the_process_holds_no_secret_and_no_network_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    decoding.prepare()
    (waiting,) = _decoders()
    assert "KAGGLE_KEY" not in waiting.environ()


def test_a_waiting_process_is_used_and_ends_with_its_work() -> None:
    decoding.prepare()
    decoding.prepare()
    (waiting,) = _decoders()
    decoding.read_limited([("a.nii.gz", HEAD)])
    assert not _decoders()
    assert not waiting.is_running()


def test_no_process_outlives_a_server_that_is_killed() -> None:
    code = (
        "import os, psutil\n"
        "from brainseg.data import decoding\n"
        "decoding.prepare()\n"
        "print(*[child.pid for child in psutil.Process().children()], flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False
    )
    (pid,) = map(int, done.stdout.split())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.05)


def test_decoding_loads_no_network_and_no_screen() -> None:
    code = (
        "import sys, brainseg.data.isolated as i; i._import_decoders(); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'keras', 'tensorflow', 'openvino', 'streamlit'}))"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
