"""Keeps what is suffered on purpose out of the log."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def expecting_faults() -> Iterator[None]:
    """Keep what is suffered meanwhile out of the log: faults are what we make."""
    logger = logging.getLogger("temporalio")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            # A local attempt's end and its cancel may cross each other, which is no fault.
            warnings.filterwarnings("ignore", "Cannot find activity to cancel")
            yield
    finally:
        logger.setLevel(level)
