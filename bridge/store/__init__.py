"""Durable memory on SQLite: events, stations, outbox and commands in one file.

`journal.SqliteJournal` implements `bridge.ports.Journal`; `admin` is for tools that look at the
file beside a running bridge.
"""
