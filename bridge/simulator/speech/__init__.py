"""What a station says: in its own terms (`terms.py`), and worded by each version of OCPP."""
