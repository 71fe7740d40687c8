"""OCPP 2.0.1, and what 2.1 shares with it: what the station may be asked."""
