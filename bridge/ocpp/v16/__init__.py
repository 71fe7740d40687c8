"""OCPP 1.6J: its actions, and its payloads to and from the words of the domain. Pure."""
