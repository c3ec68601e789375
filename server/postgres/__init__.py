"""PostgreSQL in a folder: the database that comes with Apéro, started and watched by us.

One process at a time looks after a folder: it holds a kernel lock that disappears with
it, whatever its end. A PostgreSQL that outlived its keeper is adopted, one that died is
started again and repairs itself, and files left by the dead are never believed.
PostgreSQL refuses to run as root, so root hands it to `nobody`; what `nobody` could not
reach (a clone under /root) then lives in `/var/lib/apero`, and the folder says where.
"""

from server.postgres.folder import Address
from server.postgres.refusals import AlreadyKept, PostgresWontStart
from server.postgres.supervisor import EmbeddedPostgres, running

__all__ = ["Address", "AlreadyKept", "EmbeddedPostgres", "PostgresWontStart", "running"]
