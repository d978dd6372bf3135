"""Makes what lies beside the tests importable by name, for them and for the worker processes they start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
