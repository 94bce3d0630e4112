"""What reaches the app: loopback, the token, its own page, bounded sizes."""

import asyncio
import http.client
import os
import signal
import socket
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from waistats.app._guard import Guard

pytestmark = pytest.mark.skipif(not find_spec("shiny"), reason="the app needs shiny")


TOKEN = "a-token"


def asked(app, path, *, method="GET", host=None, **headers):
    """Return the status, headers and text of an answer of the running app."""
    connection = http.client.HTTPConnection("127.0.0.1", app.parts.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or app.parts.netloc)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def upgraded(app, path, **headers):
    """Return the first line of the answer to a websocket's request."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {app.parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", app.parts.port), timeout=30) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return line.recv(4096).decode("latin-1").splitlines()[0]


def test_the_address_names_loopback_and_a_long_token(app):
    assert app.parts.hostname == "127.0.0.1"
    assert len(app.parts.path.strip("/")) >= 32
    status, headers, text = asked(app, app.parts.path)
    assert status == 200
    assert '<html lang="en">' in text
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    scripts = policy.split("script-src")[1].split(";")[0]
    assert "unsafe-inline" not in scripts
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_nothing_but_loopback_is_listened_on(app):
    port = f"{app.parts.port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    six = Path("/proc/net/tcp6")
    lines += six.read_text().splitlines()[1:] if six.exists() else []
    listening = [one.split()[1] for one in lines if one.split()[3] == "0A"]
    assert [one for one in listening if one.endswith(f":{port}")] == [
        f"0100007F:{port}"
    ]


@pytest.mark.parametrize("path", ["/", "/wrong/", "/lib/shiny", "//", "/%2e%2e/"])
def test_without_the_token_nothing_is_shown(app, path):
    status, _, text = asked(app, path)
    assert status == 403
    assert "token" in text
    assert "html" not in text


@pytest.mark.parametrize("end", ["x", "%C3%A9"])
def test_a_token_that_is_nearly_right_is_wrong(app, end):
    wrong = app.parts.path.strip("/")[:-1] + "-" + end
    status, _, _ = asked(app, f"/{wrong}/")
    assert status == 403


def test_a_host_that_is_not_this_one_is_refused(app):
    for host in ("evil.example", f"evil.example:{app.parts.port}", "127.0.0.1:1"):
        assert asked(app, app.parts.path, host=host)[0] == 403
    assert asked(app, app.parts.path, host=f"localhost:{app.parts.port}")[0] == 200


def test_another_page_is_refused(app):
    assert asked(app, app.parts.path, Origin="http://evil.example")[0] == 403
    assert asked(app, app.parts.path, Origin="null")[0] == 403
    assert asked(app, app.parts.path, Origin=f"http://{app.parts.netloc}")[0] == 200


def test_a_websocket_needs_the_token_and_the_page(app):
    right = app.parts.path + "websocket/"
    assert " 403 " in upgraded(app, "/websocket/")
    assert " 403 " in upgraded(app, "/wrong/websocket/")
    assert " 403 " in upgraded(app, right, Origin="http://evil.example")
    assert " 101 " in upgraded(app, right, Origin=f"http://{app.parts.netloc}")


def test_methods_and_sizes_are_bounded(app):
    assert asked(app, app.parts.path, method="PUT")[0] == 405
    too_large = str(202 * 2**20)
    status, _, text = asked(
        app,
        app.parts.path + "session/x/upload/y",
        method="POST",
        Content_Length=too_large,
    )
    assert status == 413
    assert "too large" in text
    strange = {"method": "POST", "Content_Length": "-1"}
    assert asked(app, app.parts.path, **strange)[0] in (400, 413)


def test_a_body_without_a_length_is_counted():
    read = []

    async def program(scope, receive, send):
        while True:
            message = await receive()
            read.append(len(message["body"]))
            if not message["more_body"]:
                break

    sent = []

    async def receive():
        return {"type": "http.request", "body": b"x" * 600_000, "more_body": True}

    async def send(message):
        sent.append(message)

    guard = Guard(program, token=TOKEN, port=80, largest=1_000_000)
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/{TOKEN}/session",
        "headers": [(b"host", b"127.0.0.1:80")],
    }
    # in a thread of its own: a browser's loop may run in this one
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(guard(scope, receive, send))).result()
    assert sent[0]["status"] == 413
    assert sum(read) <= 1_000_000 + 2**20


def test_two_hosts_or_none_are_refused():
    guard = Guard(None, token=TOKEN, port=80)
    scope = {"type": "http", "method": "GET", "path": f"/{TOKEN}/"}
    good = (b"host", b"127.0.0.1:80")
    assert guard.refused(scope | {"headers": [good]}) is None
    assert guard.refused(scope | {"headers": []}) is not None
    assert guard.refused(scope | {"headers": [good, good]}) is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_private_files_are_removed_at_the_end(started, tmp_path, number):
    served = started(folder=tmp_path)
    (private,) = tmp_path.glob("waistats-app-*")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    served.process.send_signal(number)
    code = served.process.wait(timeout=20)
    assert code in (0, 130)
    assert list(tmp_path.iterdir()) == []


def test_the_core_loads_nothing_of_the_app():
    import subprocess

    script = (
        "import sys, waistats, waistats.cli; "
        "found = [m for m in sys.modules if m.split('.')[0] in "
        "('shiny', 'uvicorn', 'starlette', 'htmltools') or 'waistats.app' in m]; "
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert done.returncode == 0
