"""``python -m ponder_cli`` is ``ponder``."""

from ponder_cli.app import main

main()
