"""The command line: words, options, exit codes.

No logic lives here.
"""

from collector.cli.main import main

__all__ = ["main"]
