"""What OCPP 2.0.1 and 2.1 have in common: payloads to and from the words of the domain. Pure.

The versions build their own tables out of it and add what only they have. OCPP 2.1 has left the
messages of 2.0.1 as they were and put optional fields beside the known ones.
"""
