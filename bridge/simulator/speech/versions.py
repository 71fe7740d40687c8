"""The versions of OCPP that can be simulated, and how each is spoken."""

from typing import Final

from bridge.simulator.speech.terms import Speech
from bridge.simulator.speech.v2 import Speech2
from bridge.simulator.speech.v16 import Speech16
from bridge.simulator.speech.v21 import Speech21

SPEECHES: Final[dict[str, Speech]] = {"1.6": Speech16(), "2.0.1": Speech2(), "2.1": Speech21()}
"""By the name of the version."""
