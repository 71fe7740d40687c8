"""The API whichever way it goes, MQTT or HTTP: documents, commands, results, rights. Pure."""
