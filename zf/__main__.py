"""Entry point of `zf`: runs the command line and turns every end into an exit status and one sentence.

0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

import click
from click.exceptions import NoArgsIsHelpError

from zf.cli import cli
from zf.client.errors import UsageError, ZfError
from zf.console import Console

INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    try:
        return _run(args)
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


def _run(args: Sequence[str] | None) -> int:
    """Raises what click says of a wrong command line in our own way: one sentence, and the way out."""
    try:
        status = cli.main(args=args, prog_name="zf", standalone_mode=False)
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        wrong = UsageError(error.format_message().rstrip("."), _usage(error.ctx))
        Console("--json" in (sys.argv[1:] if args is None else args)).result(wrong.as_json())
        raise wrong from None
    return status if isinstance(status, int) else 0


def _usage(ctx: click.Context | None) -> str:
    if ctx is None:
        return "See: zf --help"
    pieces = " ".join(ctx.command.collect_usage_pieces(ctx))
    return f"Usage: {ctx.command_path} {pieces}; more: {ctx.command_path} --help"


if __name__ == "__main__":
    sys.exit(main())
