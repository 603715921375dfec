"""HTTP server for systems that own their search loop, in another process or another language.

    GET  /task        -> name, description, facts, contract and seed program of the task
    GET  /contract    -> the definitions that a program must contain
    GET  /seed        -> the program that a search starts from
    POST /evaluate    {"source": TEXT, "summary": TEXT, "tokens": NUMBER} -> an evaluation
    GET  /remaining   -> what is left of the budget
    POST /finish      -> ends the search, judges its best program, and answers with the result, minutes later

Every call carries `Authorization: Bearer TOKEN`. Answers are JSON; a refusal is {"error": SENTENCE} with the
status 400 (malformed), 401 (token), 403 (budget spent), 404, 409 (still evaluating), 413 (too long), 501 (another kind
of call) or 500.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.task import SearchTask
from zfbench.records.result import Result
from zfbench.search.arena import Arena, BudgetSpentError
from zfbench.search.outcome import SearchOutcome

Judge = Callable[[], tuple[SearchOutcome, Result | None]]

TOKEN = "ZFBENCH_TOKEN"  # environment variable of a token of one's own
TOKEN_FORM = re.compile(r"[\w-]{16,}", re.ASCII)
MOST_TOKENS = 10**12  # that a program may be said to have cost
DIGITS = 12  # of a length that is read as a number
LONGEST = 2**20  # largest size of a request in bytes; the contract accepts sources of a sixteenth of that


class Server:
    """An HTTP server of one arena on the loopback interface; also a context manager.

    Attributes:
        arena: evaluates the programs.
        task: the task, which callers may ask about.
        token: token that every call must send.
        finished: outcome and result of the search, once a call has finished it.
    """

    def __init__(self, arena: Arena, task: SearchTask, judge: Judge, port: int = 0, token: str | None = None) -> None:
        """Listen on a port of 127.0.0.1, by default a free one.

        Args:
            arena: evaluates the programs.
            task: the task, which callers may ask about.
            judge: function that ends the search and judges its best program.
            port: the port; 0 chooses a free one.
            token: the token; None for a new one.

        Raises:
            ZfbenchError: the port is taken, or the token is too short or cannot stand in a header.
        """
        if token is not None and not TOKEN_FORM.fullmatch(token):
            raise ZfbenchError(
                f"The token in {TOKEN} is not of at least 16 letters, digits, hyphens and underscores; choose another, "
                "or unset the variable for a new token."
            )
        self.token = token or secrets.token_urlsafe(24)
        self.arena, self.task = arena, task
        self.finished: tuple[SearchOutcome, Result | None] | None = None
        self._judge, self._judging = judge, threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        try:
            self._server = _HttpServer(("127.0.0.1", port), handler)
        except OSError as error:
            raise ZfbenchError(f"Cannot listen on port {port} ({error.strerror}); choose another.") from error

    @property
    def url(self) -> str:
        """The address at which the server listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def judge(self) -> tuple[SearchOutcome, Result | None]:
        """End the search and judge its best program, once however many calls ask for it."""
        with self._judging:
            if self.finished is None:
                self.finished = self._judge()
            return self.finished

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
    timeout = 60  # seconds that a client may take to send its request

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer(
            {"/task": self._task, "/contract": self._contract, "/seed": self._seed, "/remaining": self._remaining}
        )

    def do_POST(self) -> None:
        """Answer a POST request."""
        self._answer({"/evaluate": self._evaluate, "/finish": self._finish})

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request at all, or one of another kind, in JSON too."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(status, {"error": f"{message or status.phrase}; {explain or status.description or 'see the help.'}"})

    def _answer(self, routes: dict[str, Any]) -> None:
        try:
            self._check_token()
            if self.path not in routes:
                raise _RefusedError(
                    HTTPStatus.NOT_FOUND,
                    f"There is nothing at {self.command} {self.path[:80]}; there is {', '.join(routes)}.",
                )
            status, answer = HTTPStatus.OK, routes[self.path]()
        except _RefusedError as error:
            status, answer = error.status, {"error": str(error)}
        except BudgetSpentError as error:
            status, answer = HTTPStatus.FORBIDDEN, {"error": str(error)}
        except ZfbenchError as error:
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)}
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"zfbench failed ({said}); its terminal says more."})
            raise
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
            raise _RefusedError(
                HTTPStatus.UNAUTHORIZED,
                "The header 'Authorization: Bearer TOKEN' is missing or has another token; send the token of "
                "this server.",
            )

    def _evaluate(self) -> dict[str, Any]:
        body = self._body()
        source, summary, tokens = body.get("source"), body.get("summary", ""), body.get("tokens", 0)
        counts = isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= MOST_TOKENS
        if not (isinstance(source, str) and isinstance(summary, str) and counts):
            raise _RefusedError(
                HTTPStatus.BAD_REQUEST,
                "The body must be a JSON object with a text 'source' and, if you like, a text 'summary' and a "
                f"whole number 'tokens' up to {MOST_TOKENS:,}.",
            )
        return self.owner.arena.evaluate(source, summary, tokens).to_json()

    def _task(self) -> dict[str, Any]:
        spec = self.owner.task.spec
        told = {"name": spec.name, "description": spec.description, "facts": spec.facts()}
        return told | self._contract() | {"seed_program": self.owner.task.seed_program}

    def _contract(self) -> dict[str, Any]:
        return {"contract": self.owner.task.spec.contract}

    def _seed(self) -> dict[str, Any]:
        return {"source": self.owner.task.seed_program}

    def _remaining(self) -> dict[str, Any]:
        return self.owner.arena.remaining().to_json()

    def _finish(self) -> dict[str, Any]:
        try:
            self.owner.arena.finish()
        except ZfbenchError as error:
            raise _RefusedError(HTTPStatus.CONFLICT, str(error)) from error
        try:
            outcome, result = self.owner.judge()
        finally:
            self.server.shutdown()  # ends the loop of `serve`; this answer is still sent
        return {
            "evaluated": outcome.counts.evaluated,
            "result": None if result is None else result.model_dump(mode="json"),
        }

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) <= DIGITS):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "The header Content-Length is missing, or it is no length.")
        if int(length) > LONGEST:
            self.rfile.read(min(int(length), 16 * LONGEST))  # cut off while it writes, a client would not read on
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request has at most {LONGEST:,} bytes.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError, OSError) as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"The body is not JSON ({error}).") from error
        return body if isinstance(body, dict) else {}
