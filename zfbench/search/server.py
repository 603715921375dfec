"""HTTP server for systems that own their search loop, in another process or another language.

    POST /evaluate   {"source": TEXT, "summary": TEXT, "tokens": NUMBER}   -> an evaluation
    GET  /remaining                                                       -> what is left of the budget
    POST /finish                                                          -> how many programs were evaluated

Every call carries `Authorization: Bearer TOKEN`. Answers are JSON; a refusal is {"error": SENTENCE} with the
status 400 (malformed), 401 (token), 403 (budget spent), 404, 409 (still evaluating), 413 (too long) or 500.
"""

from __future__ import annotations

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.search.arena import Arena, BudgetSpentError
from zfbench.search.outcome import SearchOutcome

LONGEST = 2**20  # largest size of a request in bytes; the contract accepts sources of a sixteenth of that


class Server:
    """An HTTP server of one arena on the loopback interface; also a context manager.

    Attributes:
        token: token that every call must send.
        outcome: outcome of the search, once a call has finished it.
    """

    def __init__(self, arena: Arena, port: int = 0) -> None:
        """Listen on a port of 127.0.0.1, by default a free one.

        Raises:
            ZfbenchError: the port is taken.
        """
        self.token = secrets.token_urlsafe(24)
        self.outcome: SearchOutcome | None = None
        handler = type("Handler", (_Handler,), {"owner": self, "arena": arena})
        try:
            self._server = _HttpServer(("127.0.0.1", port), handler)
        except OSError as error:
            raise ZfbenchError(f"Cannot listen on port {port} ({error.strerror}); choose another.") from error

    @property
    def url(self) -> str:
        """The address at which the server listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        """Answer calls until one of them finishes the search, or until `stop` is called."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Make `serve` return; to be called from another thread."""
        self._server.shutdown()

    def close(self) -> None:
        """Stop listening, and wait for the calls that are being answered."""
        self._server.server_close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the evaluations that are under way


class _RefusedError(Exception):
    """An error that is answered with a status and a sentence."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    owner: Server
    arena: Arena
    timeout = 60  # seconds that a client may take to send its request

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer({"/remaining": self._remaining})

    def do_POST(self) -> None:
        """Answer a POST request."""
        self._answer({"/evaluate": self._evaluate, "/finish": self._finish})

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _answer(self, routes: dict[str, Any]) -> None:
        try:
            self._check_token()
            if self.path not in routes:
                raise _RefusedError(HTTPStatus.NOT_FOUND, f"There is nothing at {self.command} {self.path[:80]}.")
            status, answer = HTTPStatus.OK, routes[self.path]()
        except _RefusedError as error:
            status, answer = error.status, {"error": str(error)}
        except BudgetSpentError as error:
            status, answer = HTTPStatus.FORBIDDEN, {"error": str(error)}
        except ZfbenchError as error:
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)}
        self._send(status, answer)

    def _send(self, status: HTTPStatus, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:  # the client has gone; its answer is in the event log, and free when it asks again
            self.close_connection = True

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.owner.token}".encode()):
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "The header 'Authorization: Bearer TOKEN' is missing.")

    def _evaluate(self) -> dict[str, Any]:
        body = self._body()
        source, summary, tokens = body.get("source"), body.get("summary", ""), body.get("tokens", 0)
        counts = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0
        if not (isinstance(source, str) and isinstance(summary, str) and counts):
            raise _RefusedError(
                HTTPStatus.BAD_REQUEST,
                "The body must be a JSON object with a text 'source' and, if you like, a text 'summary' and a "
                "whole number 'tokens'.",
            )
        return self.arena.evaluate(source, summary, tokens).to_json()

    def _remaining(self) -> dict[str, Any]:
        return self.arena.remaining().to_json()

    def _finish(self) -> dict[str, Any]:
        try:
            self.owner.outcome = self.arena.finish()
        except ZfbenchError as error:
            raise _RefusedError(HTTPStatus.CONFLICT, str(error)) from error
        self.server.shutdown()  # ends the loop of `serve`; this answer is still sent
        return {"evaluated": self.owner.outcome.counts.evaluated}

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "The header Content-Length is missing.")
        if int(length) > LONGEST:
            self.rfile.read(min(int(length), 16 * LONGEST))  # cut off while it writes, a client would not read on
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request has at most {LONGEST:,} bytes.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError, OSError) as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"The body is not JSON ({error}).") from error
        return body if isinstance(body, dict) else {}
