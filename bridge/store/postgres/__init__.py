"""Durable memory on a PostgreSQL server, which several bridges may share.

`journal.PostgresJournal` and `transactions.PostgresTransactions` implement the same ports as their
counterparts on SQLite; `admin` is for tools that look into the database beside a running bridge.
All connections are asyncpg's; nothing outside of this package knows it.
"""
