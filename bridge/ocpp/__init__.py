"""Charging stations on the wire: OCPP-J over WebSocket.

`frames`, `rpc`, `validation`, `actions`, `security` and the version packages are pure;
`connection` and `server` do the I/O around them.
"""
