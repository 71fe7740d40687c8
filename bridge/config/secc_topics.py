"""[secc_topics.NAME]: EVSEs that also have the MQTT topics of a charge controller (SECC)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bridge.config.fields import Section

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class SeccTopicsSection(Section):
    """An EVSE with a charge controller's topics; the name here is the second part of them."""

    station: str = Field(description="Raw id of the station.", min_length=1, max_length=255)
    evse: int = Field(default=1, ge=1, le=999_999, description="Id of the EVSE.")
    topic_prefix: str = Field(
        default="pulsatrix/secc",
        pattern=r"^/?[^/+#$\s][^/+#\s]*(/[^/+#\s]+)*$",
        max_length=128,
        description="First part of its topics: `{topic_prefix}/{NAME}/tx/status`.",
    )
    controller: str = Field(
        default="secc",
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="Controller in whose name the limits count that are written there. Where"
        " `controllers` are configured it needs a table there.",
    )
