"""Simulated charging stations that charge cars, and speak OCPP 1.6J, 2.0.1 or 2.1.

`ocpp-mqtt-bridge simulate`: a product part and an honest peer; it shares no code with the rest of
the bridge. Inside is a pure model with time injected (`station.py` and what it is made of), which
knows no version: the package `speech` words what it says, and `v16`, `v2` and `v21` carry out what
it is asked. Above it is the OCPP-J state (`endpoint.py`), at the edge a thin WebSocket client
(`connection.py`, `run.py`).
"""

from bridge.simulator.options import SimulatorOptions, add_arguments, options_from
from bridge.simulator.run import simulate
from bridge.simulator.snapshot import EvseSnapshot, StationSnapshot

__all__ = [
    "EvseSnapshot",
    "SimulatorOptions",
    "StationSnapshot",
    "add_arguments",
    "options_from",
    "simulate",
]
