"""Simulated OCPP 2.0.1 charging stations that charge cars: `ocpp-mqtt-bridge simulate`.

A product part and an honest peer: it shares no code with the rest of the bridge. Inside, a
pure model with time injected (`station.py` and what it is made of), above it the OCPP-J state
(`endpoint.py`), and at the edge a thin WebSocket client (`connection.py`, `run.py`).
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
