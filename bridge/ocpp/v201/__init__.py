"""OCPP 2.0.1: its actions, and its payloads to and from the words of the domain. Pure."""
