"""The hook's look-ups in Amazon Connect: from an instance to its knowledge base and its routing profiles."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore import xform_name

from airflow_wisdom.exceptions import ResourceNotFoundError
from airflow_wisdom.hooks.errors import translated
from airflow_wisdom.hooks.models import check_path
from airflow_wisdom.model.knowledge_base import short_id

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConnectVerbs:
    """Look-ups over a client of Amazon Connect that is made as the client of the hook that has them."""

    aws_conn_id: str | None
    _region_name: str | None
    _verify: bool | str | None
    _config: Any
    get_connection: Any

    def named_in_connection(self) -> tuple[str | None, str | None]:
        """Return the knowledge base and the Amazon Connect instance that the connection's extra names, None for none.

        :raises AirflowConnectionNotFoundError: The Airflow connection does not exist.
        """
        extra = self.get_connection(self.aws_conn_id).extra_dejson if self.aws_conn_id is not None else {}
        return extra.get("knowledge_base_id") or None, extra.get("instance_id") or None

    def find_knowledge_base(self, instance_id: str) -> str:
        """Return the ARN of the knowledge base of an instance's quick responses; ``ListIntegrationAssociations``.

        :param instance_id: Id or ARN of the Amazon Connect instance.
        :raises ResourceNotFoundError: There is no such instance, or it has no such knowledge base.
        """
        request = {"InstanceId": short_id(instance_id), "IntegrationType": "WISDOM_QUICK_RESPONSES"}
        found = self._connect_items("ListIntegrationAssociations", request, "IntegrationAssociationSummaryList")
        arns = [str(each["IntegrationArn"]) for each in found]
        if len(arns) != 1:
            what = "no knowledge base" if not arns else f"{len(arns)} knowledge bases"
            raise ResourceNotFoundError(
                f"The Amazon Connect instance has {what} of quick responses; pass knowledge_base_id",
                code="ResourceNotFoundException",
                operation="ListIntegrationAssociations",
                where={"instance_id": instance_id},
            )
        return arns[0]

    def routing_profiles(self, instance_id: str) -> dict[str, str]:
        """Return the routing profiles of an instance, name -> ARN; AWS operation ``ListRoutingProfiles``.

        :param instance_id: Id or ARN of the Amazon Connect instance.
        :raises ResourceNotFoundError: There is no such instance.
        """
        request = {"InstanceId": short_id(instance_id)}
        found = self._connect_items("ListRoutingProfiles", request, "RoutingProfileSummaryList")
        return {str(each["Name"]): str(each["Arn"]) for each in found}

    @cached_property
    def _connect(self) -> Any:
        """The bare boto3 client of Amazon Connect, made as this hook's own is."""
        if self.aws_conn_id is not None:
            # Airflow's own hook takes boto3's credentials where the connection does not exist, or its id is empty.
            self.get_connection(self.aws_conn_id)
        other = AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self._region_name,
            verify=self._verify,
            config=self._config,
            client_type="connect",
        )
        other.conn.meta.events.register("before-parameter-build", check_path)
        return other.conn

    def _connect_items(self, operation: str, request: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
        with translated(operation, {"instance_id": request["InstanceId"]}):
            pages = self._connect.get_paginator(xform_name(operation)).paginate(**request)
            return [item for page in pages for item in page[member]]
