"""Entry point of `zf`: runs the command line and turns every end into an exit status and one sentence.

0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

import click

from zf.cli import cli
from zf.client.errors import ZfError
from zf.console import Console

INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    try:
        status = cli.main(args=args, prog_name="zf", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except ZfError as error:
        Console().problem(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
