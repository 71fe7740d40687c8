"""OCPP charging stations on MQTT, and MQTT in control of the charging.

The package is a sans-I/O core (`bridge.domain`) with one async engine around it and adapters for
OCPP-J, MQTT and storage at the edge; `bridge.app` is the only place where adapters meet.
Import it absolutely: the folder must never be on `sys.path` itself, because `bridge.ocpp` would
then shadow the `ocpp` distribution.
"""

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
