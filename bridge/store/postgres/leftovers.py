"""How what the broker has answered is written to the database."""

from bridge.store.leftovers import Leftovers
from bridge.store.postgres import statements
from bridge.store.postgres.session import Connection
from bridge.store.watermark import answered


class PostgresLeftovers(Leftovers):
    """Acknowledged and refused messages that the database still counts as waiting."""

    async def write(self, connection: Connection, bridge: int, *, all_of_it: bool) -> None:
        """Bring the outbox up to date, within a transaction; call `written` once it is durable.

        The watermark itself is a column of the row that every transaction writes anyway.
        """
        if not self and not all_of_it:
            return
        self.take_in()
        await self._advance(connection, bridge)
        self.overtake(all_of_it=all_of_it)
        await statements.INSERT_DEAD_LETTERS.run(connection, bridge, self.dead_letters)
        await statements.INSERT_OVERTAKEN.run(connection, bridge, self.overtaken)
        await statements.DELETE_MESSAGES.run(connection, bridge, self.done)

    async def _advance(self, connection: Connection, bridge: int) -> None:
        steps = self.watermark.steps()
        asked = next(steps, None)
        while asked is not None:
            event = await connection.fetchval(statements.NEXT_EVENT, bridge, asked)
            asked = answered(steps, event)
