"""The frame of one command: its screen, and one clear message with its exit code for whatever ends it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from loadtests.children import ChildFailed
from reports.judgement import EXIT_INCONCLUSIVE
from reports.terminal import EXIT_INTERRUPTED, Screen
from scenarios.problems import UserError
from sim.progress import Interrupted


def run(command: Callable[[Screen], int], *, json: bool = False, stages: Sequence[str] = ()) -> None:
    """Run `command` under a screen that expects `stages`; leave the process with its exit code.

    A UserError ends with its own code, a stop that the user asked for with 130, a child that died with 3:
    what it measured is not valid. Anything else is a bug and keeps its traceback.
    """
    with Screen(json=json, stages=stages) as screen:
        code = _guarded(command, screen)
        interrupted = screen.stopped()
    sys.exit(EXIT_INTERRUPTED if interrupted else code)


def _guarded(command: Callable[[Screen], int], screen: Screen) -> int:
    try:
        return command(screen)
    except UserError as error:
        return screen.problems(error)
    except (Interrupted, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except ChildFailed as error:
        screen.warn(str(error))
        return EXIT_INCONCLUSIVE
