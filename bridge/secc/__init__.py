"""Charge controllers (SECC) without OCPP, reached by their own REST, WebSocket or MQTT API.

An adapter beside `ocpp`: each controller is a station of the engine. `payloads` and `mapping` are
pure; `rest`, `websocket` and `mqtt` are the three ways to a controller (`link.SeccLink`);
`controller` is the life of one, `stations` all of them and the gateway to them.
"""
