"""The demo's programs are scripts: what they import from each other stands beside them."""

from __future__ import annotations

import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "telop_demo"

sys.path.insert(0, str(DEMO))
