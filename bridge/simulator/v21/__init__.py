"""OCPP 2.1: what the station may be asked beyond 2.0.1."""
