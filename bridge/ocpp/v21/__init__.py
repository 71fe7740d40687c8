"""OCPP 2.1: what it has beside `bridge.ocpp.v2`, and its table of actions. Pure."""
