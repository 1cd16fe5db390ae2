"""Log messages on the terminal: the message only, on whatever the standard error is at that moment."""

from __future__ import annotations

import logging
import sys


class TerminalHandler(logging.Handler):
    """Writes messages without time, level and traceback: those are in the run's log file.

    The stream is looked up for each message, so that messages and progress bars do not tear each other.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        try:
            print(record.getMessage(), file=sys.stderr, flush=True)
        except Exception:  # noqa: BLE001 -- logging never breaks what it reports on
            self.handleError(record)
