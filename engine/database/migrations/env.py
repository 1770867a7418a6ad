"""The environment that every room's migrations run in; alembic loads it by path.

The connection comes from `engine.database.schema`, inside a transaction that is committed there.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
