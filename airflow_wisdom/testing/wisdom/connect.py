"""Handles the two operations of Amazon Connect that moto's own backend of it lacks."""

from collections.abc import Callable

from moto.core.responses import ActionResult

from .core import Page
from .dispatch import SteeredResponse
from .exceptions import RawError, ValidationException
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
        shown, token = self._page(self.backend.list_routing_profiles)
        return ActionResult({"RoutingProfileSummaryList": shown, "NextToken": token})

    def list_integration_associations(self) -> ActionResult:
        shown, token = self._page(
            self.backend.list_integration_associations,
            integration_type=self._param("IntegrationType"),
            integration_arn=self._param("IntegrationArn"),
        )
        return ActionResult({"IntegrationAssociationSummaryList": shown, "NextToken": token})

    def _page(self, list_some: Callable[..., Page[Params]], **which: str | None) -> Page[Params]:
        try:
            return list_some(**self._which(), **which)
        except ValidationException as error:  # which Amazon Connect does not have
            raise RawError(self.broken_rule, error.message, 400) from None
