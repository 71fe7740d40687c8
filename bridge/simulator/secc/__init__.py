"""A simulated charge controller (SECC) with a car, and its REST, WebSocket and MQTT APIs.

`ocpp-mqtt-bridge simulate --secc`: built from the public description of the pulsatrix SECC and
from seed 000 alone. Inside is a pure model with time injected (`model.py`, `limits.py`); what it
says is worded in `documents.py`; `web.py` and `mqtt.py` are its faces.
"""

from bridge.simulator.secc.model import SeccSnapshot
from bridge.simulator.secc.options import SeccOptions
from bridge.simulator.secc.quirks import SECC_QUIRKS, SeccQuirk
from bridge.simulator.secc.run import SeccRunner, simulate_secc

__all__ = [
    "SECC_QUIRKS",
    "SeccOptions",
    "SeccQuirk",
    "SeccRunner",
    "SeccSnapshot",
    "simulate_secc",
]
