"""Where a stack is: its accounts, and what the regions of one system have in common."""

import re
from collections.abc import Mapping
from typing import Any

import pulumi

from . import types
from .rule import (
    PRODUCTION_STACKS,
    Findings,
    Resource,
    Settings,
    Stack,
    StackResource,
    as_list,
    as_object,
    is_set,
    known,
    only_in_production,
    project_of,
    resource_rule,
    stack_of,
    stack_rule,
)

# What Pulumi makes names unique with: `<name>-<7 digits>`, or a prefix's 26 of the provider.
_MADE_UNIQUE = re.compile(r"-?[0-9a-f]{7}$|[0-9]{17}[0-9a-f]{9}$")

# Types whose names are those of a whole account, or, as buckets', of all accounts: the input that
# holds the name.
GLOBAL_NAMES = {
    types.BUCKET: "bucket",
    types.BUDGET: "name",
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    types.DASHBOARD: "dashboardName",
    types.INSTANCE_PROFILE: "name",
    types.POLICY: "name",
    types.ROLE: "name",
    types.USER: "name",
}


@resource_rule(
    "production-names-accounts",
    [types.PROVIDER],
    "A production stack names the accounts that it may be deployed to.",
    "Set allowedAccountIds of the AWS provider (`allowedAccountIds` of this project).",
    settings={"productionStacks": PRODUCTION_STACKS},
)
def production_names_accounts(provider: Resource, settings: Settings) -> Findings:
    only_in_production(provider, settings)
    # Nested inputs of a provider travel as JSON text, an empty list as well.
    if known(provider.props, "allowedAccountIds") == "[]" or not is_set(
        provider.props, "allowedAccountIds"
    ):
        yield "deploys to whatever account the credentials at hand are of"


@resource_rule(
    "replica-protected",
    [types.TABLE, types.TABLE_REPLICA],
    "A table's replica in another region is protected as the table is.",
    "Set pointInTimeRecovery and deletionProtectionEnabled of the replica, and kmsKeyArn where the "
    "table has a key of its own: AWS takes none of them from the table.",
    settings={"productionStacks": PRODUCTION_STACKS},
)
def replica_protected(table: Resource, settings: Settings) -> Findings:
    if table.resource_type == types.TABLE_REPLICA:
        only_in_production(table, settings)
        yield from _unprotected("", table.props, deletion=True, recovery=True, own_key=False)
        return
    for replica in as_list(known(table.props, "replicas")):
        yield from _unprotected(
            f"has a replica in {known(as_object(replica), 'regionName') or 'another region'} that ",
            as_object(replica),
            deletion=bool(known(table.props, "deletionProtectionEnabled")),
            recovery=bool(known(table.props, "pointInTimeRecovery", "enabled")),
            own_key=bool(known(table.props, "serverSideEncryption", "kmsKeyArn")),
        )


def _unprotected(
    which: str, replica: Mapping[str, Any], *, deletion: bool, recovery: bool, own_key: bool
) -> Findings:
    if deletion and not is_set(replica, "deletionProtectionEnabled"):
        yield f"{which}can be deleted by one call"
    if recovery and not is_set(replica, "pointInTimeRecovery"):
        yield f"{which}has no point-in-time recovery"
    if own_key and not is_set(replica, "kmsKeyArn"):
        yield f"{which}is not encrypted with the account's own key"


@stack_rule(
    "global-name-is-of-one-region",
    list(GLOBAL_NAMES),
    "Where a system has several regions, no name that holds in all of them is given twice.",
    "Leave the name to Pulumi, or put the stack's name or the region into it.",
)
def global_name_is_of_one_region(resource: StackResource, stack: Stack, _: Settings) -> Findings:
    if not _has_other_regions(resource, stack):
        return
    name = known(resource.props, GLOBAL_NAMES[resource.resource_type])
    if not isinstance(name, str) or _MADE_UNIQUE.search(name):
        return
    region = resource.provider and known(resource.provider.props, "region")
    if stack_of(resource.urn) not in name and not (region and region in name):
        yield f"is called {name!r}, as the one of another region's stack would be"


def _has_other_regions(resource: StackResource, stack: Stack) -> bool:
    # `Pulumi.yaml` gives a key that nobody sets an empty map.
    configured = pulumi.runtime.get_config(f"{project_of(resource.urn)}:regions")
    return (
        configured not in (None, "", "{}")
        or any(known(each.props, "replicas") for each in stack.of(types.TABLE))
        or any(known(each.props, "latencyRoutingPolicies") for each in stack.of(types.DNS_RECORD))
    )


@resource_rule(
    "latency-record-has-health-check",
    [types.DNS_RECORD],
    "Callers are led to a region only while it is healthy.",
    "Set healthCheckId to a health check of what answers in the record's region; evaluating the "
    "target's health tells an outage of the whole service alone.",
)
def latency_record_has_health_check(record: Resource, _: Settings) -> Findings:
    led = known(record.props, "latencyRoutingPolicies")
    if led and not is_set(record.props, "healthCheckId"):
        yield "leads callers to its region when nothing answers there"
