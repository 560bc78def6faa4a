"""Runs dbt several times in one process of dbt's own environment, where its adapters are imported once.

`python in_dbt.py FILE` reads a list of command lines (JSON) and prints, as JSON, for each whether it succeeded and what
it said went wrong.
"""

import json
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner


def main(file: str) -> None:
    found = []
    for words in json.loads(Path(file).read_text()):
        done = dbtRunner().invoke(["--quiet", *words])
        found.append({"success": done.success, "error": str(done.exception or "")})
    sys.stdout.write("\n" + json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
