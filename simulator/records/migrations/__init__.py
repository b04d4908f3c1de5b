"""How a file of an older program is brought up to date: one alembic revision a step, in `versions/`.

Without a console or an ini file. Never imports alembic before there is something to do: it takes time to load, and
almost every file is up to date.
"""

import threading

from sqlalchemy.engine import Connection

_one_at_a_time = threading.Lock()  # alembic's `op` and `context` are the process's, not the connection's


def upgrade(connection: Connection, revision: int) -> None:
    """Bring a file of this revision (0: an empty one) to the newest, in the caller's transaction; it stays open."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "simulator.records:migrations")
    config.attributes["connection"] = connection
    with _one_at_a_time:
        # The file's own number is what counts; alembic's table follows it (the first program made none).
        command.stamp(config, f"{revision:04}" if revision else "base")
        command.upgrade(config, "head")
