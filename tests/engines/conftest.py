import sys
from pathlib import Path

for folder in ("orchestration", "object_storage"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
