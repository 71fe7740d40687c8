"""The demonstration: a broker where none is given, the bridge, and a simulated station."""
