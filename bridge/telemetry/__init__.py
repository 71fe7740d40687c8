"""What the bridge tells about itself: logs and counters.

Everything logs by `logging.getLogger(__name__)` with facts in `extra={...}`; only this package
knows how a line looks.
"""
