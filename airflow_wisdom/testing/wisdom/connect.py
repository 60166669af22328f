"""Handles the two operations of Amazon Connect that moto's own backend of it lacks."""

from moto.core.responses import ActionResult

from .dispatch import SteeredResponse
from .model import CONNECT_MODEL
from .resources import Params


class InstanceResponse(SteeredResponse):
    """Handler for requests about instances, by Amazon Connect's own service model."""

    broken_rule = "InvalidRequestException"

    def __init__(self) -> None:
        super().__init__(CONNECT_MODEL)

    def _which(self) -> Params:
        return {
            "instance_id": self._param("InstanceId"),
            "max_results": self._param("MaxResults"),
            "next_token": self._param("NextToken"),
        }

    def list_routing_profiles(self) -> ActionResult:
        shown, token = self.backend.list_routing_profiles(**self._which())
        return ActionResult({"RoutingProfileSummaryList": shown, "NextToken": token})

    def list_integration_associations(self) -> ActionResult:
        shown, token = self.backend.list_integration_associations(
            integration_type=self._param("IntegrationType"),
            integration_arn=self._param("IntegrationArn"),
            **self._which(),
        )
        return ActionResult({"IntegrationAssociationSummaryList": shown, "NextToken": token})
