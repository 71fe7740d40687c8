"""MQTT: the topics and payloads that are the product, and the way to and from the broker.

`payloads`, `commands`, `topics`, `mapping`, `incoming` and `asyncapi` are pure. Only `link` knows
the MQTT library on the bridge's own path (`tools` uses aiomqtt for the command line).
"""
