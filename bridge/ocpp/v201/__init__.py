"""OCPP 2.0.1, which is what `bridge.ocpp.v2` holds. Pure."""
