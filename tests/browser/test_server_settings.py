"""F23: the server as it ships answers this machine's own page and nobody else."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import psutil
import pytest

pytestmark = pytest.mark.browser

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture
def status_of(server):
    """Ask the server something, with a Host of one's own; the status of its answer."""
    port = urlsplit(server.url).port

    def ask(method: str, path: str, host: str, body: bytes = b"", **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": f"{host}:{port}", **headers}.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return connection.getresponse().status
        finally:
            connection.close()

    return ask


def test_it_listens_on_this_machine_only(server):
    listening = [
        found.laddr.ip
        for found in psutil.Process(server.process.pid).net_connections()
        if found.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_a_name_that_was_rebound_or_another_sites_page_is_turned_away(server, status_of):
    def stream(host: str, origin: str) -> int:
        return status_of("GET", "/_stcore/stream", host, **UPGRADE, Origin=origin)

    assert stream("127.0.0.1", server.url) == 101
    assert stream("evil.example", "http://evil.example") == 403
    assert stream("127.0.0.1", "http://evil.example") == 403


def test_an_upload_without_this_browsers_token_is_turned_away(status_of):
    body = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert status_of("PUT", "/_stcore/upload_file/a/b", "127.0.0.1", body, **kind) == 403
