"""The table resource type -> creator, and what a creator is given."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.inputs import Inputs, plain


@dataclass
class Creation:
    """One resource being created.

    `clients` makes a boto3 client of the emulator for a service name, `elsewhere` one for a service
    name and another region than the provider's, `code` says where Lambda
    finds a registered archive. A creator reads every input it is given from `inputs`; what it
    leaves unread stops the run.
    """

    type: str
    logical_name: str
    inputs: Inputs
    account: str
    region: str
    edge_url: str
    default_tags: Mapping[str, str]
    clients: Callable[[str], Any]
    elsewhere: Callable[[str, str], Any]
    code: Callable[[Any], dict[str, str]]
    batch_concurrency: int
    without_effect: dict[str, str] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    """Of a resource that is there already and is updated: its outputs."""
    changed: frozenset[str] = frozenset()
    """Of such a one: the inputs that are not as they were."""

    def name(self, key: str = "name") -> str:
        """The physical name: as it is, as given, or generated as the provider does."""
        if self.before is not None:
            self.inputs.get(key)
            self.inputs.get(f"{key}Prefix")
            return str(self.before[key])
        if key in self.inputs:
            return str(self.inputs[key])
        prefix = self.inputs.get(f"{key}Prefix")
        if prefix is not None:
            return str(prefix) + secrets.token_hex(7)
        return f"{self.logical_name}-{secrets.token_hex(4)[:7]}"

    def tags(self) -> dict[str, str]:
        """The resource's tags over the provider's default tags."""
        own = self.inputs["tags"].plain() if "tags" in self.inputs else {}
        return {**self.default_tags, **own}

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        """The same tags as a list of pairs, as most AWS APIs want them."""
        return [{key: k, value: v} for k, v in self.tags().items()]

    def given(self, names: Mapping[str, str]) -> dict[str, Any]:
        """The inputs present among `names` (input -> API parameter), under the API's names."""
        return {
            parameter: plain(self.inputs[name])
            for name, parameter in names.items()
            if name in self.inputs
        }

    def no_effect(self, name: str, reason: str) -> None:
        """Read the input `name` if given, and say openly that it does nothing locally."""
        if name in self.inputs:
            value = self.inputs[name]
            plain(value)
            if value not in (False, 0, "", []) and not (isinstance(value, Inputs) and not value):
                self.without_effect[f"{self.type}.{name}"] = reason

    def nothing(self, reason: str) -> None:
        """Read all inputs, and say openly that the whole resource does nothing locally."""
        self.inputs.plain()
        self.without_effect[self.type] = reason

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Creator = Callable[[Creation], tuple[str, dict[str, Any]]]

CREATORS: dict[str, Creator] = {}


@dataclass(frozen=True)
class Update:
    """How a resource of a type follows a changed program in place.

    `run` is a creator that finds what was there in `Creation.before`. A change of one of the
    `fixed` inputs makes another resource of it.
    """

    run: Creator
    fixed: frozenset[str]

    def reaches(self, changed: frozenset[str]) -> bool:
        """Whether it can change these inputs."""
        return not changed & (self.fixed | _IDENTITY)


UPDATES: dict[str, Update] = {}

_IDENTITY = frozenset(
    {"name", "namePrefix", "bucket", "bucketPrefix", "alarmName", "dashboardName", "tags"}
    | {"statementId", "statementIdPrefix", "targetId"}
)
"""Inputs that nothing updates: names, and tags, which each service takes by a call of its own."""

WITHOUT_EFFECT: dict[str, str] = {
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "the emulator has no metric filters",
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": (
        "environments start on demand"
    ),
    "aws:lambda/functionRecursionConfig:FunctionRecursionConfig": "loops are always stopped",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": "the emulator knows no policies of buses",
    "aws:budgets/budget:Budget": "nothing costs anything locally",
    "aws:cognito/managedLoginBranding:ManagedLoginBranding": "the sign-in page has one look",
    "aws:xray/group:Group": "the emulator has no X-Ray",
    "aws:xray/samplingRule:SamplingRule": "the emulator has no X-Ray",
    "aws:cloudwatch/queryDefinition:QueryDefinition": "the emulator has no saved queries",
    "aws:acm/certificateValidation:CertificateValidation": "there is no certificate locally",
    "aws:apigatewayv2/apiMapping:ApiMapping": "the local API has its own address alone",
    "aws:route53/healthCheck:HealthCheck": "nothing leads callers from region to region locally",
    "aws:route53/record:Record": "no name is resolved locally",
    "aws:wafv2/webAcl:WebAcl": "the local edge has no firewall",
    "aws:wafv2/webAclAssociation:WebAclAssociation": "the local edge has no firewall",
}
"""Types that are accepted and listed, but do nothing locally: type -> why."""


def creates(
    resource_type: str, *, puts: bool = False, fixed: tuple[str, ...] = ()
) -> Callable[[Creator], Creator]:
    """Register the decorated function as the creator of `resource_type`.

    It returns the resource's id and its outputs beyond the inputs, as the provider would. One
    that `puts` updates as well, all inputs but the `fixed` ones, when it is called again.
    """

    def register(creator: Creator) -> Creator:
        CREATORS[resource_type] = creator
        return updates(resource_type, fixed=fixed)(creator) if puts else creator

    return register


def updates(resource_type: str, *, fixed: tuple[str, ...] = ()) -> Callable[[Creator], Creator]:
    """Register the decorated function for what is changed of `resource_type`; see `Update`."""

    def register(updater: Creator) -> Creator:
        UPDATES[resource_type] = Update(updater, frozenset(fixed))
        return updater

    return register


def document(value: Any) -> str:
    """A policy or other JSON document, given as text or as a structure, as text."""
    return value if isinstance(value, str) else json.dumps(plain(value))


def delivery(target: Inputs) -> dict[str, Any]:
    """What an EventBridge or Scheduler target says about retries and dead letters."""
    request: dict[str, Any] = {}
    if "retryPolicy" in target:
        retry = target["retryPolicy"]
        request["RetryPolicy"] = {
            parameter: retry[key]
            for key, parameter in (
                ("maximumRetryAttempts", "MaximumRetryAttempts"),
                ("maximumEventAgeInSeconds", "MaximumEventAgeInSeconds"),
            )
            if key in retry
        }
    if "deadLetterConfig" in target:
        request["DeadLetterConfig"] = {"Arn": target["deadLetterConfig"]["arn"]}
    return request
