"""The service models that input is checked by."""

from botocore.model import OperationModel
from moto.core.utils import get_service_model

# qconnect's model holds every operation of wisdom's, on the same paths, with the wider limits.
MODEL = "qconnect"
CONNECT_MODEL = "connect"
OPERATIONS = frozenset(get_service_model(MODEL).operation_names) | {
    "ListIntegrationAssociations",
    "ListRoutingProfiles",
}


def operation_model(name: str, service: str = MODEL) -> OperationModel:
    return get_service_model(service).operation_model(name)
