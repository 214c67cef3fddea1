from __future__ import annotations

import base64
import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import paths
from brainseg.data import kaggle, kaggle_child
from brainseg.data.catalog import read_catalog
from brainseg.data.kaggle import SLUG, DownloadProgress, adopt, download, find_credentials
from brainseg.errors import DataError

NAME = SLUG.partition("/")[2]
CHUNK = 1 << 20  # what the client writes at a time


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any Kaggle settings; returns the home folder."""
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "XDG_CONFIG"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret-token")


def dataset_zip(*, seed: int = 0, side: int = 64) -> bytes:
    """Return a zip of two slices in the Kaggle layout."""
    stream = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for number in range(2):
            image = stream.integers(0, 256, (side, side, 3), dtype=np.uint8)
            mask = np.zeros((side, side), dtype=np.uint8)
            for name, pixels in (
                (f"images/{number}.png", image),
                (f"masks/{number}_mask.png", mask),
                (f"saliency_maps_1/{number}.png", image[..., 0]),
                (f"saliency_maps_2/{number}.png", image[..., 1]),
            ):
                target.writestr(name, cv2.imencode(".png", pixels)[1].tobytes())
    return buffer.getvalue()


CHILD = """
import json, os, pathlib, sys, time
slug, side = sys.argv[1:3]
zip = pathlib.Path(side, slug.split("/")[1] + ".zip")
source = pathlib.Path(os.environ["FAKE_SOURCE"]).read_bytes()
print("Warning: banner", flush=True)
failed = os.environ.get("FAKE_FAILS")
print(json.dumps({"total": int(os.environ.get("FAKE_TOTAL", len(source)))}), flush=True)
have = zip.stat().st_size if zip.exists() else 0
with zip.open("ab") as out:
    for start in range(have, len(source), 1 + len(source) // 8):
        out.write(source[start : start + 1 + len(source) // 8])
        out.flush()
        if failed and start > have:
            print(json.dumps({"failed": failed, "detail": "Fault: text"}), flush=True)
            sys.exit(1)
        time.sleep(0.05)
"""


@pytest.fixture
def child(tmp_path: Path, token: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the downloading process by a script; returns the file that it delivers."""
    script, source = tmp_path / "child.py", tmp_path / "source.zip"
    script.write_text(CHILD)
    source.write_bytes(dataset_zip())
    monkeypatch.setenv("FAKE_SOURCE", str(source))
    monkeypatch.setattr(
        kaggle, "_command", lambda slug, side: [sys.executable, str(script), slug, str(side)]
    )
    return source


def test_a_download_is_reported_unpacked_and_readable(tmp_path: Path, child: Path) -> None:
    reports: list[DownloadProgress] = []
    folder = download(SLUG, tmp_path / "to", progress=reports.append)
    assert folder == tmp_path / "to" / NAME
    catalog = read_catalog(tmp_path / "to")
    assert [sample.number for sample in catalog.samples] == [0, 1]
    assert catalog.problems == ()
    size = child.stat().st_size
    fetched = [report for report in reports if report.stage == "downloading"]
    assert fetched[-1].done_bytes == fetched[-1].total_bytes == size
    assert [r.done_bytes for r in fetched] == sorted(r.done_bytes for r in fetched)
    assert any(report.bytes_per_second and report.seconds_left is not None for report in fetched)
    assert reports[-1].stage == "unpacking"
    assert reports[-1].done_bytes == reports[-1].total_bytes
    assert [path.name for path in (tmp_path / "to").iterdir()] == [NAME]


def test_a_second_call_downloads_nothing(
    tmp_path: Path, child: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = download(SLUG, tmp_path / "to")
    monkeypatch.setattr(kaggle, "_command", lambda *_: ["false"])
    assert download(SLUG, tmp_path / "to") == folder


def test_another_dataset_below_the_folder_is_not_the_one_asked_for(
    tmp_path: Path, child: Path
) -> None:
    other = download(SLUG, tmp_path / "to")
    folder = download("someone/other", tmp_path / "to")
    assert folder == tmp_path / "to" / "other"
    assert folder != other
    assert [sample.number for sample in read_catalog(folder).samples] == [0, 1]


def test_a_folder_that_is_a_dataset_itself_is_taken_at_once(
    tmp_path: Path, child: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = download(SLUG, tmp_path / "to")
    monkeypatch.setattr(kaggle, "_command", lambda *_: ["false"])
    assert download(SLUG, there) == there


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("rejected", "did not accept the credentials from KAGGLE_API_TOKEN"),
        ("forbidden", "accept its terms"),
        ("absent", "check the OWNER/NAME"),
        ("network", "check the network"),
        ("busy", "429"),
        ("disk", "disk is full"),
        ("package", "pip install"),
        ("unheard of", "Fault: text"),
    ],
)
def test_a_failure_is_one_sentence_and_keeps_what_is_there(
    tmp_path: Path, child: Path, monkeypatch: pytest.MonkeyPatch, kind: str, says: str
) -> None:
    monkeypatch.setenv("FAKE_FAILS", kind)
    with pytest.raises(DataError, match=says) as fault:
        download(SLUG, tmp_path / "to")
    assert "secret-token" not in str(fault.value)
    assert "\n" not in str(fault.value)
    partial = (tmp_path / "to" / ".download" / f"{NAME}.zip").stat().st_size
    assert 0 < partial < child.stat().st_size
    assert not (tmp_path / "to" / NAME).exists()
    monkeypatch.delenv("FAKE_FAILS")
    sizes: list[int] = []
    download(SLUG, tmp_path / "to", progress=lambda report: sizes.append(report.done_bytes))
    assert sizes[0] >= partial


def test_stopping_from_the_progress_ends_the_child(tmp_path: Path, child: Path) -> None:
    def stop(report: DownloadProgress) -> None:
        if report.done_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(SLUG, tmp_path / "to", progress=stop)
    assert (tmp_path / "to" / ".download" / f"{NAME}.zip").exists()
    assert download(SLUG, tmp_path / "to").is_dir()


def test_a_damaged_download_is_thrown_away_and_fetched_again(tmp_path: Path, child: Path) -> None:
    good = child.read_bytes()
    child.write_bytes(good[:2000] + bytes([good[2000] ^ 1]) + good[2001:])
    with pytest.raises(DataError, match="damaged"):
        download(SLUG, tmp_path / "to")
    assert not (tmp_path / "to" / NAME).exists()
    child.write_bytes(good)
    assert download(SLUG, tmp_path / "to").is_dir()


def test_a_refused_download_is_kept_wherever_it_lies(tmp_path: Path, child: Path) -> None:
    with zipfile.ZipFile(child, "w") as target:
        target.writestr("images/1.exe", b"x")
    to = tmp_path / "damaged-scans"
    with pytest.raises(DataError, match="is refused"):
        download(SLUG, to)
    assert (to / ".download" / f"{NAME}.zip").is_file()


@pytest.mark.parametrize("folders", [("a/images", "b/images"), ("images", "img")])
def test_a_zip_that_holds_too_many_folders_says_which(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as target:
        for folder in folders:
            target.writestr(f"{folder}/1.png", b"x")
    with pytest.raises(DataError, match=r"more than one dataset|two folders of images") as fault:
        adopt(tmp_path / "two.zip")
    assert "two.zip" in str(fault.value)
    assert str(paths.data()) not in str(fault.value)


def test_a_download_that_begins_again_has_no_negative_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[DownloadProgress] = []
    meter, clock = kaggle._Meter("downloading", reports.append), [0.0]
    monkeypatch.setattr(kaggle.time, "monotonic", lambda: clock[0])
    for done in (500, 900, 100, 300):
        meter(done, 1000)
        clock[0] += 1.0
    assert [report.bytes_per_second for report in reports] == [None, 400, None, 200]
    assert [report.seconds_left for report in reports] == [None, 0.25, None, 3.5]


def test_a_download_that_is_no_dataset_is_removed(tmp_path: Path, child: Path) -> None:
    with zipfile.ZipFile(child, "w") as target:
        target.writestr("train/1.png", b"x")
    with pytest.raises(DataError, match="holds no images folder"):
        download(SLUG, tmp_path / "to")
    assert not (tmp_path / "to" / NAME).exists()


def test_a_disk_too_small_is_said_early(
    tmp_path: Path, child: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_TOTAL", str(10**18))
    with pytest.raises(DataError, match="free some space"):
        download(SLUG, tmp_path / "to")


def test_two_downloads_into_one_folder_are_refused(tmp_path: Path, child: Path) -> None:
    with (
        kaggle._locked(tmp_path / "to" / ".download"),
        pytest.raises(DataError, match="another download"),
    ):
        download(SLUG, tmp_path / "to")


@pytest.mark.parametrize("slug", ["", "name", "a/b/c", "../x/y", "a b/c", "--help/x y"])
def test_a_wrong_slug_is_refused(tmp_path: Path, slug: str) -> None:
    with pytest.raises(DataError, match="OWNER/NAME"):
        download(slug, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_without_credentials_the_steps_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Generate New Token") as fault:
        download(SLUG, tmp_path / "to")
    assert SLUG in str(fault.value)


def write_key(path: Path, text: str = '{"username": "u", "key": "k"}', mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_credentials_are_found_in_the_order_of_the_package(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source() -> str:
        return find_credentials(SLUG).source

    session = write_key(user / ".kaggle" / "credentials.json")
    assert source() == str(session)
    xdg = write_key(user / ".config" / "kaggle" / "kaggle.json")
    assert source() == str(xdg)
    assert find_credentials(SLUG).config == xdg.parent
    key = write_key(user / ".kaggle" / "kaggle.json")
    assert source() == str(key)
    monkeypatch.setenv("KAGGLE_USERNAME", "u")
    assert source() == str(key)
    monkeypatch.setenv("KAGGLE_KEY", "k")
    assert source() == "KAGGLE_USERNAME and KAGGLE_KEY"
    access = write_key(user / ".kaggle" / "access_token", "t")
    assert source() == str(access)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t")
    assert source() == "KAGGLE_API_TOKEN"


@pytest.mark.parametrize("name", ["kaggle.json", "access_token"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_key_file_that_others_may_read_is_refused(user: Path, name: str, mode: int) -> None:
    path = write_key(user / ".kaggle" / name, mode=mode)
    with pytest.raises(DataError, match=f"chmod 600 {path}"):
        find_credentials(SLUG)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"username": "u"}', '{"key": ""}'])
def test_a_damaged_key_file_is_named(user: Path, text: str) -> None:
    path = write_key(user / ".kaggle" / "kaggle.json", text)
    with pytest.raises(DataError, match=f"{path} is damaged"):
        find_credentials(SLUG)


def test_an_own_folder_is_used_in_place_and_a_zip_is_unpacked_once(tmp_path: Path) -> None:
    archive = tmp_path / "My data (2).zip"
    archive.write_bytes(dataset_zip())
    folder = adopt(archive)
    assert folder.parent == paths.data()
    assert folder.name.startswith("My-data-2-")
    stamp = folder.stat().st_mtime_ns
    assert adopt(str(archive)) == folder
    assert folder.stat().st_mtime_ns == stamp
    assert adopt(folder) == folder


def test_adopt_keeps_to_the_allowed_roots(tmp_path: Path) -> None:
    archive = tmp_path / "out" / "a.zip"
    archive.parent.mkdir()
    archive.write_bytes(dataset_zip())
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link.zip").symlink_to(archive)
    with pytest.raises(DataError, match="outside the folders"):
        adopt(inside / "link.zip", roots=[inside])
    assert adopt(archive, roots=[inside, tmp_path / "out"]).is_dir()


def test_hostile_paths_are_refused_and_never_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.zip")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "a.tar.gz").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for name in (
        "fifo.zip", "loop", "a.tar.gz", "empty", "gone", "a\0b", "x" * 5000, "~nobody/x",
    ):  # fmt: skip
        with pytest.raises(DataError) as fault:
            adopt(tmp_path / name)
        assert len(str(fault.value)) < 1000
    with pytest.raises(DataError):
        adopt("/dev/zero")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (SystemExit(1), "rejected"),
        (ImportError("kaggle"), "package"),
        (OSError(28, "No space left"), "disk"),
        (ValueError("size"), "other"),
        (ConnectionError("reset"), "network"),
    ],
)
def test_the_child_names_what_went_wrong(fault: BaseException, kind: str) -> None:
    assert kaggle_child.kind_of(fault) == kind


class Server(ThreadingHTTPServer):
    """A stand-in for Kaggle on the loopback interface, for the real client."""

    content = b""
    status = 200
    ranges: list[str]
    cut = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about connections that a stopped client dropped."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    timeout = 10

    def do_POST(self) -> None:
        """Check who asks, and send on to the file as Kaggle does."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        user = base64.b64decode(self.headers.get("Authorization", "").partition(" ")[2])
        if self.server.status != 200 or user != b"u:k":
            self.send_error(self.server.status if user == b"u:k" else 401)
            return
        self.send_response(302)
        self.send_header("Location", "/file.zip")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.server.ranges.append(wanted or "all")
        body = self.server.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.server.cut:
            self.wfile.write(body[: CHUNK + 1000])
            self.wfile.flush()
            threading.Event().wait(20)
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The real child and client, pointed at a server of this test."""
    write_key(user / ".kaggle" / "kaggle.json")
    running = Server(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.block_on_close = False
    running.content, running.ranges = dataset_zip(side=500), []
    script = tmp_path / "child.py"
    script.write_text(
        "import sys, runpy, kagglesdk.kaggle_env as env\n"
        f"env._env_to_endpoint[env.KaggleEnv.PROD] = 'http://127.0.0.1:{running.server_port}'\n"
        f"sys.argv[0] = {str(kaggle.CHILD)!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    monkeypatch.setattr(
        kaggle, "_command", lambda slug, side: [sys.executable, "-P", str(script), slug, str(side)]
    )
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_the_real_client_downloads_and_an_interrupted_download_goes_on(
    tmp_path: Path, server: Server
) -> None:
    def stop(report: DownloadProgress) -> None:
        assert report.total_bytes in (None, len(server.content))
        if report.done_bytes >= CHUNK:
            raise KeyboardInterrupt

    server.cut = True
    with pytest.raises(KeyboardInterrupt):
        download(SLUG, tmp_path / "to", progress=stop)
    server.cut = False
    assert len(read_catalog(download(SLUG, tmp_path / "to")).samples) == 2
    assert server.ranges[0] == "all"
    assert server.ranges[-1] == f"bytes={CHUNK}-"


@pytest.mark.parametrize(("status", "says"), [(401, "did not accept"), (404, "404")])
def test_the_real_clients_refusals_are_understood(
    tmp_path: Path, server: Server, status: int, says: str
) -> None:
    server.status = status
    with pytest.raises(DataError, match=says):
        download(SLUG, tmp_path / "to")


def test_the_real_client_without_a_network_says_so(tmp_path: Path, server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="cannot be reached"):
        download(SLUG, tmp_path / "to")


def test_nothing_is_written_into_the_users_home(tmp_path: Path, user: Path, server: Server) -> None:
    download(SLUG, tmp_path / "to")
    assert [str(path.relative_to(user)) for path in user.rglob("*") if path.is_file()] == [
        ".kaggle/kaggle.json"
    ]
    assert json.loads((user / ".kaggle" / "kaggle.json").read_text())["key"] == "k"
