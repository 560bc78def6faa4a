"""These tests share the rows and columns of tests/databases."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "databases"))
