import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs.arena import open_arena
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.runs.replay import check, replay
from zfbench.runs.search import search
from zfbench.search.arena import Arena, BudgetSpentError
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.replicates import SCREENING, training_seed
from zfbench.search.server import LONGEST, Server

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())


class Length:
    """The loss is the length of the source and a trace of the seed; sources with a ! fail. Counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, program, seed):
        self.calls.append(program.source)
        if "!" in program.source:
            return Evaluation(Status.ERROR, feedback="no !", spend=Spend(device_seconds=0.5))
        return Evaluation(Status.OK, len(program.source) + seed / 2**40, spend=Spend(device_seconds=0.5))


@contextmanager
def new_arena(path, evaluate=None, budget=None, **options):
    with EventLog(path / "log") as log:
        budget = budget or Budget(evaluations=3)
        yield Arena(evaluate or Length(), spec=SPEC, budget=budget, log=log, seed=5, **options)


def test_program_is_evaluated_and_paid(tmp_path):
    with new_arena(tmp_path) as arena:
        assert int(arena.evaluate("four").loss) == 4
        assert arena.evaluate("oh no!").status == Status.ERROR  # a failure costs what a success costs
        assert arena.remaining() == Budget(evaluations=1)


def test_programs_are_trained_with_the_seed_that_searches_use(tmp_path):
    with new_arena(tmp_path) as arena:
        trace = arena.evaluate("four").loss - 4
        assert trace * 2**40 == training_seed("toy", SCREENING)
        assert arena.evaluate("seven77").loss - 7 == trace


def test_equal_program_is_answered_for_free_also_when_the_budget_is_spent(tmp_path):
    evaluate = Length()
    with new_arena(tmp_path, evaluate, Budget(evaluations=1)) as arena:
        first = arena.evaluate("four")
        assert arena.spent
        again = arena.evaluate("four  \r\n")
        assert (again.loss, again.spend) == (first.loss, NOTHING)
        assert evaluate.calls == ["four"]
        assert arena.finish().counts.duplicates == 1


def test_spent_budget_is_a_clear_refusal(tmp_path):
    with new_arena(tmp_path, budget=Budget(evaluations=1)) as arena:
        arena.evaluate("a")
        with pytest.raises(BudgetSpentError, match=r"The budget \(evaluations=1\) has no room"):
            arena.evaluate("b")
        assert arena.remaining() == Budget(evaluations=0)
        outcome = arena.finish()
        assert (outcome.reason, outcome.counts.asked) == ("budget", 1)


def test_device_seconds_and_reported_tokens_are_never_overdrawn(tmp_path):
    budget = Budget(evaluations=99, device_seconds=3.0, tokens=100)
    with new_arena(tmp_path, budget=budget, bound=Spend(device_seconds=1.0)) as arena:
        with pytest.raises(BudgetSpentError):
            arena.evaluate("long story", tokens=101)
        for n in range(5):
            arena.evaluate(f"program {n}", tokens=10)
        with pytest.raises(BudgetSpentError):
            arena.evaluate("the sixth could take 1 s, and 0.5 s are left")
        outcome = arena.finish()
        assert (outcome.spend.device_seconds, outcome.spend.tokens) == (2.5, 50)
        assert outcome.overrun == NOTHING


def test_finished_search_is_over_for_good(tmp_path):
    with new_arena(tmp_path) as arena:
        arena.evaluate("a")
        outcome = arena.finish()
        assert outcome.reason == "finished"
        with pytest.raises(BudgetSpentError, match="was finished"):
            arena.evaluate("b")
        assert arena.finish().counts == outcome.counts
    with new_arena(tmp_path) as arena:
        assert arena.finished
        assert arena.finish().evaluated == outcome.evaluated


def test_calls_at_once_share_budget_workers_and_equal_programs(tmp_path):
    busy, most, lock = [0], [0], threading.Lock()

    def slow(program, seed):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.01)
        with lock:
            busy[0] -= 1
        return Evaluation(Status.OK, 1.0)

    with new_arena(tmp_path, slow, Budget(evaluations=6), workers=2) as arena:
        answers, refusals = [], []

        def call(number):
            try:
                answers.append(arena.evaluate(f"program {number % 10}"))
            except BudgetSpentError as error:
                refusals.append(error)

        threads = [threading.Thread(target=call, args=(n,)) for n in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcome = arena.finish()
    assert outcome.counts.evaluated == 6 == sum(a.spend.evaluations for a in answers)
    assert len(answers) == 18
    assert len(refusals) == 12
    assert most[0] == 2
    assert len(read_log(tmp_path / "log").events) == 1 + 3 * 18 + 1


@pytest.mark.parametrize("cut", range(1, 13))
def test_arena_cut_at_any_line_goes_on_without_paying_twice(tmp_path, cut):
    def play(arena):
        return [arena.evaluate(source).loss for source in ("a", "bb", "a", "ccc")]

    with new_arena(tmp_path) as arena:
        losses = play(arena)
        whole = arena.finish()
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join(lines[:cut]))
    paid = sum(b'"spend":{"device_seconds"' in line for line in lines[:cut])
    evaluate = Length()
    with new_arena(tmp_path, evaluate) as arena:
        assert play(arena) == losses
        assert len(evaluate.calls) == 3 - paid
        outcome = arena.finish()
    assert outcome.evaluated == whole.evaluated
    assert outcome.spend.evaluations == 3


def test_program_lost_in_flight_holds_no_room_however_often_the_search_is_reopened(tmp_path):
    with new_arena(tmp_path) as arena:
        arena.evaluate("a")
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join(lines[:3]))  # killed while it evaluated
    for source, left in (("b", 2), ("cc", 1), ("ddd", 0)):
        with new_arena(tmp_path) as arena:
            arena.evaluate(source)
            assert arena.remaining() == Budget(evaluations=left)
    with new_arena(tmp_path) as arena:
        assert arena.spent
        outcome = arena.finish()
    assert (outcome.spend.evaluations, outcome.overrun) == (3, NOTHING)


def test_a_duplicate_in_flight_at_the_end_of_the_budget_is_not_paid_after_reopening(tmp_path):
    """While it waits it holds nothing; a step's worth, restored, would leave the paid evaluation without room."""
    going, go = threading.Event(), threading.Event()

    def held(program, seed):
        going.set()
        go.wait(10)
        return Evaluation(Status.OK, 1.0)

    with new_arena(tmp_path, held, Budget(evaluations=1), workers=2) as arena:
        calls = [threading.Thread(target=arena.evaluate, args=("same",)) for _ in range(2)]
        calls[0].start()
        going.wait(10)
        calls[1].start()
        while len(read_log(tmp_path / "log").events) < 5:  # header, and both asked and proposed
            time.sleep(0.01)
        go.set()
        for each in calls:
            each.join()
        assert (arena.remaining(), arena.spent) == (Budget(evaluations=0), True)
    with new_arena(tmp_path, held, Budget(evaluations=1), workers=2) as arena:
        assert (arena.remaining(), arena.spent) == (Budget(evaluations=0), True)
        assert arena.finish().overrun == NOTHING


def test_a_call_that_waited_until_the_time_was_spent_is_refused_and_known_programs_are_answered(tmp_path):
    def slow(program, seed):
        time.sleep(0.5)
        return Evaluation(Status.OK, 1.0)

    refused = []

    def call(source):
        try:
            arena.evaluate(source)
        except BudgetSpentError as error:
            refused.append(str(error))

    budget = Budget(wall_seconds=0.6)
    with new_arena(tmp_path, slow, budget, bound=Spend(wall_seconds=0.4), workers=1) as arena:
        calls = [threading.Thread(target=call, args=(source,)) for source in ("one", "two")]
        for each in calls:
            each.start()
        for each in calls:
            each.join()
        assert len(refused) == 1
        assert "time is spent" in refused[0]
        (known,) = arena._history.scored.values()
        time.sleep(0.2)
        assert arena.evaluate(known.program.source).loss == 1.0
        assert arena.finish().counts.evaluated == 1


def test_failure_of_the_harness_is_not_paid_and_does_not_close_the_door(tmp_path):
    failures = [OSError("no more processes")]

    def shaky(program, seed):
        if failures:
            raise failures.pop()
        return Evaluation(Status.OK, 1.0)

    with new_arena(tmp_path, shaky) as arena:
        with pytest.raises(OSError, match="no more processes"):
            arena.evaluate("a")
        assert arena.remaining() == Budget(evaluations=3)
        assert arena.evaluate("a").loss == 1.0
        assert arena.finish().spend.evaluations == 1


def test_external_system_is_judged_as_any_search_and_replayed(victim, tmp_path):
    plan = Plan("toy", "openevolve", EXTERNAL, Budget(evaluations=4), 5)
    with open_arena(plan, tmp_path) as session:
        for source in ("70", "78", "78", "90"):
            session.arena.evaluate(source)
    with open_arena(plan, tmp_path) as session:
        outcome, result = session.judge()
    assert (result.method.name, result.method.proposer) == ("openevolve", "external")
    assert result.program.source == "78" == outcome.best.program.source
    assert result.spend.evaluations == 3
    assert Plan.read(tmp_path) == plan
    assert check(replay(tmp_path), result) is None
    with pytest.raises(ZfbenchError, match="zfbench serve"):
        search(plan, tmp_path)


def test_a_token_of_ones_own_is_kept_and_a_short_or_odd_one_refused(tmp_path):
    task = SimpleNamespace(spec=SPEC, seed_program="seed = 1\n")
    with new_arena(tmp_path) as arena:

        def server(token=None):
            return Server(arena, task, lambda: (arena.finish(), None), token=token)

        for token in ("short", "a token with spaces", "a-token-with-an-ü-in-it", ""):
            with pytest.raises(ZfbenchError, match="The token in ZFBENCH_TOKEN is not of at least 16 letters"):
                server(token)
        with server("a-token-of-my-own") as own, server() as one, server() as other:
            assert own.token == "a-token-of-my-own"
            assert one.token != other.token


@contextmanager
def served(path, evaluate=None, budget=None, judged=None):
    task = SimpleNamespace(spec=SPEC, seed_program="seed = 1\n")
    with new_arena(path, evaluate, budget) as inner, Server(inner, task, lambda: (inner.finish(), judged)) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()


def call(server, method, path, body=None, token=None, headers=None):
    """Status and decoded answer."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = headers or {"Authorization": f"Bearer {server.token if token is None else token}"}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_door_evaluates_counts_and_refuses(tmp_path):
    with served(tmp_path, budget=Budget(evaluations=2)) as server:
        status, answer = call(server, "POST", "/evaluate", {"source": "four", "summary": "short"})
        assert (status, int(answer["loss"]), answer["status"]) == (200, 4, "ok")
        assert call(server, "GET", "/remaining") == (200, {"evaluations": 1})
        assert call(server, "POST", "/evaluate", {"source": "oh!"})[1]["feedback"] == "no !"
        status, answer = call(server, "POST", "/evaluate", {"source": "one more"})
        assert status == 403
        assert "has no room for another evaluation" in answer["error"]
        assert call(server, "POST", "/finish", b"") == (200, {"evaluated": 2, "result": None})
    assert server.finished[0].best.program.source == "four"


def test_finish_answers_with_the_result(tmp_path, make):
    result = make("openevolve", kind="search")
    with served(tmp_path, judged=result) as server:
        assert call(server, "POST", "/evaluate", {"source": "four"})[0] == 200
        status, answer = call(server, "POST", "/finish", b"")
    assert (status, answer["evaluated"]) == (200, 1)
    assert answer["result"] == json.loads(result.model_dump_json())
    assert server.finished[1] == result


def test_a_caller_can_ask_what_it_has_to_write(tmp_path):
    with served(tmp_path) as server:
        status, told = call(server, "GET", "/task")
        assert (status, told["name"], told["contract"]) == (200, SPEC.name, SPEC.contract)
        assert (told["facts"], told["seed_program"]) == (SPEC.facts(), "seed = 1\n")
        assert call(server, "GET", "/contract") == (200, {"contract": SPEC.contract})
        assert call(server, "GET", "/seed") == (200, {"source": "seed = 1\n"})
        assert "there is /task, /contract, /seed, /remaining" in call(server, "GET", "/tusk")[1]["error"]


@pytest.mark.parametrize("token", ["", "wrong", "é"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/evaluate"), ("GET", "/remaining"), ("POST", "/finish")])
def test_door_opens_to_its_token_alone(tmp_path, token, method, path):
    evaluate = Length()
    with served(tmp_path, evaluate) as server:
        headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
        assert call(server, method, path, b'{"source": "a"}', headers=headers)[0] == 401
    assert evaluate.calls == []
    assert len(read_log(tmp_path / "log").events) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/evaluate", b"not json", 400),
        ("/evaluate", b"[" * 100_000, 400),
        ("/evaluate", b"[]", 400),
        ("/evaluate", {"source": 7}, 400),
        ("/evaluate", {"source": "a", "tokens": -1}, 400),
        ("/evaluate", {"source": "a", "tokens": 1.5}, 400),
        ("/evaluate", {"source": "a", "tokens": True}, 400),
        ("/evaluate", {"source": "a", "tokens": 10**400}, 400),
        ("/evaluate", b'{"source": "a", "tokens": 1' + b"0" * 5_000 + b"}", 400),
        ("/evaluate", b'{"source": "a", "tokens": NaN}', 400),
        ("/evaluate", b"\xff\xfe", 400),
        ("/evaluate", {"source": "a" * LONGEST}, 413),
        ("/elsewhere", {"source": "a"}, 404),
    ],
)
def test_malformed_call_costs_nothing_and_says_why(tmp_path, path, body, status):
    with served(tmp_path) as server:
        found, answer = call(server, "POST", path, body)
        assert found == status
        assert answer["error"]
        assert call(server, "GET", "/remaining") == (200, {"evaluations": 3})


HEAD = "POST /evaluate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + "Content-Length: \xb2\r\n\r\n", 400),
        (HEAD + "Content-Length: " + "9" * 5_000 + "\r\n\r\n", 400),
        (HEAD + "Content-Length: -1\r\n\r\n", 400),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
        (HEAD.replace("POST", "PUT") + "\r\n", 501),
        ("GARBAGE\r\n\r\n", 400),
        ("GET /remaining HTTP/9.9\r\n\r\n", 505),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        (HEAD + "X: y\r\n" * 200 + "\r\n", 431),
    ],
)
def test_what_is_hardly_a_request_is_answered_in_json(tmp_path, capfd, sent, status):
    with served(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as line:
            line.sendall(sent.replace("{token}", server.token).encode("latin-1"))
            line.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: line.recv(65_536), b""))
        assert json.loads(received.partition(b"\r\n\r\n")[2] or received)["error"]
        if b"\r\n\r\n" in received:  # a request that names no version is answered without a head
            assert received.split()[1] == str(status).encode()
        assert call(server, "GET", "/remaining") == (200, {"evaluations": 3})
    assert "Traceback" not in capfd.readouterr().err


def test_a_fault_of_ours_is_answered_in_json_and_printed(tmp_path, capfd):
    def broken(program, seed):
        raise RuntimeError("our fault")

    with served(tmp_path, broken) as server:
        status, answer = call(server, "POST", "/evaluate", {"source": "a"})
        assert (status, answer["error"]) == (500, "zfbench failed (RuntimeError: our fault); its terminal says more.")
        assert call(server, "GET", "/remaining") == (200, {"evaluations": 3})
    assert "RuntimeError: our fault" in capfd.readouterr().err


def test_door_listens_on_this_machine_alone(tmp_path):
    with served(tmp_path) as server:
        assert server._server.server_address[0] == "127.0.0.1"


def test_taken_port_is_one_sentence(tmp_path):
    with served(tmp_path) as server, pytest.raises(ZfbenchError, match="choose another"):
        Server(None, None, None, int(server.url.rpartition(":")[2]))


def test_client_in_the_documentation_works(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "running-a-search.md").read_text()
    example = next(block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "urllib" in block)
    with served(tmp_path, budget=Budget(evaluations=2)) as server:
        names = {"URL": server.url, "TOKEN": server.token}
        exec(re.sub(r"^(URL|TOKEN) = .*$", "", example, flags=re.M), names)
        assert names["call"]("/remaining") == {"evaluations": 2}
        assert names["call"]("/evaluate", {"source": "four"})["feedback"] == ""
