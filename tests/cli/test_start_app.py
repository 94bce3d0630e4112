"""The command `app`: what cannot start says why."""

import socket
from importlib.util import find_spec

import pytest

from waistats.cli import main

pytestmark = pytest.mark.skipif(not find_spec("shiny"), reason="the app needs shiny")


def test_what_cannot_start_says_why(capsys, tmp_path, monkeypatch):
    assert main(["app", str(tmp_path / "absent.sav"), "--no-browser"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["app", "--no-browser", "--port", port]) == 2
    assert "--port" in capsys.readouterr().err
    monkeypatch.setattr("waistats.cli.start.find_spec", lambda name: None)
    assert main(["app", "--no-browser"]) == 2
    assert "pip install 'waistats[app]'" in capsys.readouterr().err
