"""Children that do not outlive us."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child calls last before exec, to get that signal when we end without saying so; Linux only.

    It has to be its own user already: a change of user would clear the request.
    """
    if sys.platform != "linux":
        return None
    parent, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def request() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)

    return request
