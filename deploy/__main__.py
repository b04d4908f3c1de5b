"""`python -m deploy` starts what compose.yaml describes without containers, until Ctrl-C.

Needs PostgreSQL, nginx and OpenSSL as Debian packages them (`make servers`), and the settings that compose.yaml asks
for in the environment: SIMULATOR_MODEL and SIMULATOR_BASE_URL.
"""

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local import Deployment


def main() -> None:
    """Run until Ctrl-C; print what a browser needs."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--user", action="append", default=[], help="a name to sign in with; default: ann and ben")
    asked.add_argument("--folder", type=Path, help="a new folder that stays; default: one that is removed at the end")
    given = asked.parse_args()
    settings = {name: value for name, value in os.environ.items() if name.startswith("SIMULATOR_")}
    if given.folder:
        given.folder.mkdir(parents=True)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="simulator-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(Deployment(folder, settings), given.user or ["ann", "ben"])
    except LookupError as error:
        sys.exit(str(error.args[0]))
    except KeyboardInterrupt:
        pass
    finally:
        if not given.folder:
            shutil.rmtree(folder)


def _run(deployment: Deployment, users: Sequence[str]) -> None:
    for name in users:
        password = secrets.token_urlsafe(9)
        deployment.add_user(name, password)
        print(f"User {name}, password {password}")
    with deployment:
        print(f"Open {deployment.address}; Ctrl-C ends it. Logs: {deployment.folder.path}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
