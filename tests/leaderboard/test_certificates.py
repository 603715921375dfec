"""The certificates that come with zfbench are what was measured, and are shown wherever a task's searches are."""

import json
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from zfbench.base.errors import DamagedFileError
from zfbench.cli.app import app
from zfbench.leaderboard import certificates as module
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.certificates import (
    CERTIFICATES,
    MEANING,
    as_markdown,
    certificate_of,
    findings,
    published,
    read,
    verdict_of,
    words,
)
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.tables import as_latex, written
from zfbench.protocols.contenders import Contender
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs.certificate import BEST, IDENTIFYING, certify
from zfbench.runs.identify import as_file
from zfbench.runs.tasks import load_task

MASKED, DRIVEN, BLIND = "zfish-tiny/masked", "zfish-tiny/driven", "zfish-tiny/autonomous"
DATA = "a" * 64


@pytest.fixture
def folder(tmp_path):
    """A folder with a certificate of one task: under 400 updates the truth is first in one replicate of two."""
    truth, rival = Contender("form", "truth", "t"), Contender("gate", "removed", "n")
    losses = {400: {truth: [0.1, 0.3], rival: [0.2, 0.2]}, 2000: {truth: [0.1, 0.1], rival: [0.2, None]}}
    own = certify(MASKED, "balanced", losses).to_json()
    other = certify(MASKED, "plain_mae", losses).to_json()
    content = {
        "command": f"zfbench identify {MASKED} --replicates 2",
        "measurement": {},
        "kinds": [],
        "data_sha256": DATA,
        "benchmark_version": 2,
        "libraries": {"jax": "0.10.0"},
        "certificates": [own, other],
    }
    (tmp_path / "zfish-tiny__masked.json").write_text(as_file(json.loads(json.dumps(content))))
    return tmp_path


@pytest.fixture
def shipped(folder, monkeypatch):
    """The same certificate in place of those that come with zfbench."""
    known = published(folder)
    monkeypatch.setattr(module, "published", lambda _=None: known)
    return known


def test_a_verdict_is_a_sentence_with_its_counts(folder):
    counts = "of 2 programs the truth is first in 1 of 2 at 400 updates and 2 of 2 at 2,000 updates"
    assert verdict_of(MASKED, folder) == f"not identifying (2 replicates); {counts}"
    assert words(MASKED, folder=folder) == "certificate: not identifying (2 replicates)"


def test_what_was_not_measured_has_no_verdict_and_the_autonomous_track_says_why(folder):
    assert verdict_of(DRIVEN, folder) is None
    assert words(DRIVEN, folder=folder) == "certificate: not measured"
    for task in (BLIND, f"{BLIND}@holdout:inward"):
        assert verdict_of(task, folder) == "none, because without the drive no program can be the true circuit"
        assert words(task, folder=folder) == "no certificate without the drive"
    page = "docs/results/table-masked.md"
    assert f"{page} has the rank of the truth among all programs" in verdict_of("zfish-table/masked", folder)
    assert words("zfish-table/masked", folder=folder) == "no certificate on a table"


def test_a_certificate_of_other_data_is_none(folder):
    assert certificate_of(MASKED, DATA, folder).task == MASKED
    assert certificate_of(MASKED, "b" * 64, folder) is None
    assert words(MASKED, "b" * 64, folder) == "certificate: not measured"


@pytest.mark.parametrize(
    ("whole", "broken"),
    [('"verdict": "not identifying"', '"verdict": "partly"'), ('"ranks"', '"places"'), ("{", "")],
)
def test_a_file_that_contradicts_itself_or_is_torn_is_refused(folder, whole, broken):
    (path,) = folder.iterdir()
    path.write_text(path.read_text().replace(whole, broken))
    with pytest.raises(DamagedFileError, match=r"holds no certificate .*write it again with `zfbench identify TASK"):
        read(path)


def test_every_table_says_whether_its_loss_sees_the_truth(make, shipped, tmp_path):
    masked, driven = make(track="masked", metrics={"forecast/ood/mae": 0.1}), make()
    masked = masked.model_copy(update={"task": masked.task.model_copy(update={"data_sha256": DATA})})
    driven = driven.model_copy(update={"task": driven.task.model_copy(update={"data_sha256": DATA})})
    found = boards([masked, driven])
    for style in ("text", "markdown", "html"):
        text = re.sub(r"\s+", " ", written(found, style).replace("\\", ""))
        assert re.search(rf"{MASKED} · [^·]* · certificate: not identifying", text)
        assert "certificate: not measured" in text
        assert MEANING.split(":")[0] in text
    assert "certificate: not identifying" in as_latex(found)
    assert (
        '<p class="caption verdict">certificate: not identifying (2 replicates)</p>'
        in build(found, tmp_path)[0].read_text()
    )


def test_the_document_has_a_row_for_each_loss_and_says_what_is_missing(shipped):
    text = as_markdown(shipped, (BLIND, DRIVEN, MASKED))
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    counts = "| 2 | 2 | 400: 1, 2,000: 2 | 400: 1.5, 2,000: 1 |"
    assert rows == [
        f"| `{MASKED}` | **balanced** | not identifying (2 replicates) {counts}",
        f"| `{MASKED}` | plain_mae | not identifying (2 replicates) {counts}",
        f"| `{BLIND}` | | none, because without the drive no program can be the true circuit | | | | |",
        f"| `{DRIVEN}` | | not measured | | | | |",
    ]
    assert "Measured with `zfbench identify zfish-tiny/masked --replicates 2` (jax 0.10.0; data aaaaaaaaaaaa)." in text


def test_what_was_found_is_said_in_sentences(shipped):
    said = findings(shipped)
    assert said.startswith("**`zfish-tiny/masked`, not identifying (2 replicates); of 2 programs the truth is first in")
    for sentence in (
        "At 400 updates this comes before it in some replicates: removed: gate (1 of 2).",
        "At 2,000 updates nothing comes before it.",
        "No seed and no generic program does.",
        "added to the seed, 0 of 0 at 400 updates and 0 of 0 at 2,000 updates; missing from the truth, 0 of 1 at 400",
        "By the loss plain_mae the verdict is not identifying (2 replicates).",
    ):
        assert sentence in said
    assert findings(()) == "None was measured yet."


def test_a_certificate_among_some_kinds_says_which(folder):
    (path,) = folder.iterdir()
    path.write_text(path.read_text().replace('"kinds": []', '"kinds": ["seed", "generic"]'))
    assert words(MASKED, folder=folder) == "certificate: not identifying among seed and generic programs (2 replicates)"
    told = "not identifying among seed and generic programs (2 replicates)"
    assert verdict_of(MASKED, folder).startswith(f"{told}; of 2 programs")
    (one,) = published(folder)
    assert as_markdown([one], ()).count(f"| {told} |") == len(one.found) > 1
    assert f"By the loss {one.found[1].objective} the verdict is {told}." in findings([one])


def test_one_replicate_is_said_and_gives_no_standard_deviations(shipped):
    truth, rival = Contender("form", "truth", "t"), Contender("gate", "removed", "n")
    few = replace(shipped[0], found=(certify(MASKED, "balanced", {400: {truth: [0.1], rival: [0.2]}}),))
    assert few.verdict == "identifying (one replicate)"
    ten = certify(MASKED, "balanced", {400: {truth: [0.1] * 10, rival: [0.2] * 10}})
    assert replace(shipped[0], found=(ten,)).verdict == "identifying"
    assert "With one replicate no signal has a standard deviation." in findings([few])
    assert "at least 2 standard deviations" in findings(shipped)
    assert "at least 2 standard deviations" not in findings([few])


def test_losses_that_a_larger_budget_does_not_change_count_as_one_finding(shipped):
    truth, rival = Contender("form", "truth", "t"), Contender("gate", "removed", "n")
    losses = {truth: [0.1, 0.2], rival: [0.2, 0.3]}
    same, longer = (certify(MASKED, "balanced", {400: losses, 2000: {**losses, rival: [0.2, s]}}) for s in (0.3, 0.4))
    sentence = "All budgets give equal losses"
    assert sentence in findings([replace(shipped[0], found=(same,))])
    assert sentence not in findings([replace(shipped[0], found=(longer,))])
    assert sentence not in findings([replace(shipped[0], found=(certify(MASKED, "balanced", {400: losses}),))])


def test_the_list_tells_it(shipped):
    told = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)["certificates"]
    assert told[MASKED].startswith("not identifying (2 replicates); of 2 programs")
    assert told[DRIVEN] is None
    text = " ".join(CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"}).stdout.split())
    assert f"{MASKED} not identifying (2 replicates); of 2 programs" in text
    assert "all others not measured; `zfbench identify TASK` measures it" in text


def test_the_meaning_states_the_thresholds_that_decide():
    assert (IDENTIFYING, BEST) == (0.9, 0.05)
    assert "nine tenths" in MEANING
    assert "best twentieth" in MEANING


@pytest.mark.parametrize("path", sorted(CERTIFICATES.glob("*.json")), ids=lambda path: path.stem)
def test_a_committed_certificate_follows_from_its_losses_and_fits_its_task(path):
    known = read(path)
    assert known.benchmark_version == BENCHMARK_VERSION
    assert known.data_sha256 == load_task(known.task).data_sha256
    assert path.stem == re.sub(r"[^\w.]+", "-", known.task)
    for certificate in known.found:
        losses = {
            standing.updates: {
                Contender(name.partition(": ")[2], name.partition(": ")[0], str(values)): values  # equal ones are one
                for name, values in standing.losses.items()
            }
            for standing in certificate.standings
        }
        largest = max(abs(loss) for standing in losses.values() for own in standing.values() for loss in own)
        rounding = 1e-4 if certificate.scale == "ratio" else 1e-5 * largest  # losses are written with six digits
        again = certify(certificate.task, certificate.objective, losses, certificate.scale)
        assert again.verdict == certificate.verdict
        assert [s.ranks for s in again.standings] == [s.ranks for s in certificate.standings]
        for one, other in zip(again.standings, certificate.standings, strict=True):
            for name, signal in one.added.items():
                assert signal.mean == pytest.approx(other.added[name].mean, abs=rounding)
            for name, signal in one.removed.items():
                assert signal.mean == pytest.approx(other.removed[name].mean, abs=rounding)
