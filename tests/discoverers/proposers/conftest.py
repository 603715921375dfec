"""A language model that is a local server, and a proposer that talks to it."""

import threading

import pytest
from llm_cases import KEY, SPEC
from llm_server import Server

from zfbench.base import plugins


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model(server, monkeypatch):
    """A proposer that talks to the server; waits of its back-off are kept, not slept."""
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", KEY)
    waits = []

    def make(*script, spec=SPEC, **settings):
        server.script[:] = script
        url = f"http://127.0.0.1:{server.server_port}/v1"
        chosen = {"base_url": url, "timeout": 5.0, "sleep": waits.append, **settings}
        proposer = plugins.load("proposer", "llm")(spec, "toy-model", **chosen)
        proposer.waits = waits
        return proposer

    return make
