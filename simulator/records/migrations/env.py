"""Run by alembic for every command: the revisions go through the connection that `upgrade` was given."""

from alembic import context

# The caller's transaction is open already, and stays open: all revisions are kept together, or none.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
