"""python -m operations: what people and pipelines do with a stack that is deployed or runs."""

import argparse
import errno
import sys
import warnings

if __name__ == "__main__":
    # PYTHONWARNINGS=error would end in what libraries import.
    warnings.simplefilter("ignore")

from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    NoCredentialsError,
)

from local.sign_in import SignInError
from local.text import shown
from operations import (
    capacity_command,
    cost_command,
    deploy_command,
    dlq_command,
    drill_command,
    events_command,
    import_command,
    regions_command,
    stacks,
    token_command,
)
from operations.archive import ArchiveError
from operations.dead_letters import DeadLetterError
from operations.drill import DrillError
from operations.given_up import GivenUpError
from operations.imports import ImportFailedError
from operations.regions import RegionError

_EXPECTED = (
    stacks.StackError,
    DeadLetterError,
    DrillError,
    ArchiveError,
    GivenUpError,
    ImportFailedError,
    RegionError,
    SignInError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 1 when not, 2 for a command that cannot be, and
    `import_command.REJECTED`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options.open(parser, options), options))
    except _EXPECTED as error:
        return _fail(str(error))
    except NoCredentialsError:
        return _fail("no AWS credentials: set AWS_PROFILE or sign in (`aws sso login`)")
    except (ClientError, BotoCoreError) as error:
        return _fail(f"AWS refused: {error}")
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        return _fail("too few files may be open: raise the limit, as by `ulimit -n 1024`")
    except KeyboardInterrupt:
        return _fail(options.interrupted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")
    deploy_command.add(kinds)
    dlq_command.add(kinds)
    events_command.add(kinds)
    import_command.add(kinds)
    cost_command.add(kinds)
    capacity_command.add(kinds)
    token_command.add(kinds)
    drill_command.add(kinds)
    regions_command.add(kinds)
    return parser


def _fail(message: str) -> int:
    print(f"operations: {shown(message)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
