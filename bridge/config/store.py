"""What is kept, and for how long."""

from pydantic import Field

from bridge.config.fields import Section

MOST_DAYS = 36_500


class StoreSection(Section):
    """The store: events, transactions, the audit."""

    retention_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        description="After how many days events, ended transactions and the audit are deleted;"
        " 0 = never. What the broker has not had yet stays.",
    )
    thin_after_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        description="After how many days only one of the periodic meter events of a transaction is"
        " kept per `thin_to_minutes`; 0 = all are kept. Where the disk is nearly full, it is done"
        " at once.",
    )
    thin_to_minutes: int = Field(
        default=15, ge=1, le=1440, description="min. See `thin_after_days`."
    )
    outbox_max_events: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="So many events may wait for the broker: beyond, the oldest periodic meter"
        " events are kept but not published any more; 0 = all are published at last.",
    )
