"""Write the pages of a recorded search that can be read without running anything, from the folder of a run.

python export.py RUN
"""

import argparse
import gzip
import io
import tarfile
from pathlib import Path

from zfbench.records.reading import load
from zfbench.runs.preview import preview
from zfbench.search.eventlog import read_log
from zfbench.search.tree import draw_text, family

HERE = Path(__file__).parent
PACKED = ("log.jsonl", "finals.jsonl", "result.json", "best.py")
SHOWN = 3  # programs whose source is shown

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("run", type=Path, help="folder of the run")
run = parser.parse_args().run

result, members = load(run / "result.json"), family(read_log(run / "log.jsonl").events)
(HERE / "tree.txt").write_text(draw_text(members) + "\n")
(HERE / "result.json").write_text(result.text())

found = [member.scored for member in members]
best = sorted((scored for scored in found if scored.evaluation.ok), key=lambda scored: scored.evaluation.loss)
pages = [
    f"# {heading}: validation loss {scored.evaluation.loss:.4f}\n# {scored.program.summary}\n\n{scored.program.source}"
    for heading, scored in (("Seed program", found[0]), *((f"Place {k}", s) for k, s in enumerate(best[:SHOWN], 1)))
]
(HERE / "programs.txt").write_text("\n\n".join(pages))

prompt = preview(result.task.name, settings={"model": "NAME"})
(HERE / "prompt.txt").write_text("\n\n".join(exchange.text() for exchange in prompt.exchanges))

packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as archive:
    for name in PACKED:
        content = (run / name).read_bytes()
        entry = tarfile.TarInfo(f"run/{name}")  # without owner and time, so that equal runs give equal archives
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
(HERE / "run.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))
