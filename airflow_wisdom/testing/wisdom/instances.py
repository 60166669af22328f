"""Amazon Connect instances, as far as quick responses need them: routing profiles and associated knowledge bases.

moto's own backend of Amazon Connect makes the instances, and has neither.
"""

from dataclasses import dataclass, field
from typing import Any

from moto.connect.models import connect_backends
from moto.moto_api._internal import mock_random

from .core import Core, Page
from .exceptions import RawError, ResourceNotFoundException, ValidationException
from .pages import page
from .resources import KnowledgeBase, Params, now

QUICK_RESPONSES = "WISDOM_QUICK_RESPONSES"
# Of a page nobody asked a size for: the largest that AWS gives.
PROFILES_A_PAGE = 1000
ASSOCIATIONS_A_PAGE = 100


@dataclass
class Instance:
    id: str
    arn: str
    profiles: list[Params] = field(default_factory=list)
    associations: list[Params] = field(default_factory=list)

    def arn_of_profile(self, name: str) -> str | None:
        return next((str(profile["Arn"]) for profile in self.profiles if profile["Name"] == name), None)


class Instances(Core):
    """The part of the backend that stands for Amazon Connect."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.instances: dict[str, Instance] = {}

    def create_instance(self, knowledge_base_id: str | None = None, routing_profiles: list[str] | None = None) -> str:
        """Make an instance with routing profiles of these names, associated with the knowledge base."""
        kb = None if knowledge_base_id is None else self.get_knowledge_base(knowledge_base_id)
        made = self._connect().create_instance(
            "CONNECT_MANAGED", inbound_calls_enabled=True, outbound_calls_enabled=True
        )
        instance = Instance(made["Id"], made["Arn"])
        self.instances[instance.id] = instance
        instance.profiles = [self._profile(instance, name) for name in routing_profiles or []]
        if kb is not None:
            instance.associations.append(self._association(instance, kb))
        return instance.id

    def list_routing_profiles(
        self, instance_id: str, max_results: int | None = None, next_token: str | None = None
    ) -> Page[Params]:
        profiles = self._instance(instance_id).profiles
        return page(enumerate(profiles), max_results or PROFILES_A_PAGE, next_token)

    def list_integration_associations(
        self,
        instance_id: str,
        integration_type: str | None = None,
        integration_arn: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Page[Params]:
        found = [
            one
            for one in self._instance(instance_id).associations
            if integration_type in (None, one["IntegrationType"]) and integration_arn in (None, one["IntegrationArn"])
        ]
        return page(enumerate(found), max_results or ASSOCIATIONS_A_PAGE, next_token)

    def _instance(self, instance_id: str) -> Instance:
        """Know also the instances that were made with CreateInstance: they have nothing."""
        instance_id = instance_id.rsplit("/", maxsplit=1)[-1]
        made = self._connect().instances.get(instance_id)
        if made is None:
            raise ResourceNotFoundException(f"Instance with id {instance_id:.100} not found")
        return self.instances.get(instance_id) or Instance(made.id, made.arn)

    def _instance_of(self, kb: KnowledgeBase) -> Instance | None:
        for instance in self.instances.values():
            if any(one["IntegrationArn"] == kb.arn for one in instance.associations):
                return instance
        return None

    def _check_profile_arns(self, kb: KnowledgeBase, params: Params) -> None:
        """Refuse routing profiles that the knowledge base's instance does not have."""
        wanted = (params.get("groupingConfiguration") or {}).get("values") or []
        if len(wanted) > self.switches.limits["routing_profiles"]:
            raise ValidationException(
                f"A quick response has at most {self.switches.limits['routing_profiles']} routing profiles."
            )
        instance = self._instance_of(kb)
        if instance is None or not self.switches.checks_routing_profiles:
            return
        known = {profile["Arn"] for profile in instance.profiles}
        refuse_unknown([arn for arn in wanted if arn not in known])

    def _connect(self) -> Any:
        try:
            return connect_backends[self.account_id][self.region_name]
        except KeyError:
            raise RawError("UnknownRegionException", f"Amazon Connect is not in {self.region_name}.", 400) from None

    def _profile(self, instance: Instance, name: str) -> Params:
        profile_id = str(mock_random.uuid4())
        arn = f"{instance.arn}/routing-profile/{profile_id}"
        return {"Id": profile_id, "Arn": arn, "Name": name, **self._modified()}

    def _association(self, instance: Instance, kb: KnowledgeBase) -> Params:
        association_id = str(mock_random.uuid4())
        return {
            "IntegrationAssociationId": association_id,
            "IntegrationAssociationArn": f"{instance.arn}/integration-association/{association_id}",
            "InstanceId": instance.id,
            "IntegrationType": QUICK_RESPONSES,
            "IntegrationArn": kb.arn,
            **self._modified(),
        }

    def _modified(self) -> Params:
        return {"LastModifiedTime": now(), "LastModifiedRegion": self.region_name}


def refuse_unknown(profiles: list[str]) -> None:
    if profiles:
        raise ValidationException(f"No such routing profile: {', '.join(profiles)}.")
