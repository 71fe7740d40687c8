"""The asynchronous shell of the domain: it knows the rules and the ports, no adapter."""
