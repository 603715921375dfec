"""A language model that is a local server: it answers, and misbehaves, as each test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llm_cases import LATE


class Server(ThreadingHTTPServer):
    """Plays a list of answers in order, the last one for ever; keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.requests, self.released = [], [], threading.Event()

    def next_answer(self):
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, request, client_address):
        """A client that hung up is no news."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["content-length"])
        body = json.loads(self.rfile.read(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        answer = self.server.next_answer()
        if callable(answer):
            answer(self)
        else:
            send(self, 200, completion(answer))

    def log_message(self, *args):
        pass


def completion(text, usage=True):
    tokens = {"usage": {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}} if usage else {}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], **tokens}


def send(handler, status, content, **headers):
    body = json.dumps(content).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def status(code, **headers):
    return lambda handler: send(handler, code, {"error": {"message": f"no: {code}"}}, **headers)


def hang(handler):
    handler.server.released.wait(20)


def cut(handler):
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "1", "choices": [')


def no_json(handler):
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.end_headers()
    handler.wfile.write(b"<html>gateway</html>")


def endless(handler):
    send(handler, 200, completion(LATE + " " * 10 * 2**20))


def endless_refusal(handler):
    send(handler, 400, {"error": {"message": "no" * 5 * 2**20}})


def drip(before, after):
    """Sends a byte now and then for seconds, and in the end an answer that is whole."""

    def answer(handler):
        body = json.dumps(completion(LATE)).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + before)
        for _ in range(60):
            handler.wfile.write(b" ")
            if handler.server.released.wait(0.05):
                return
        handler.wfile.write(after + body)

    return answer
