"""OCPP 1.6J: what the station may be asked."""
