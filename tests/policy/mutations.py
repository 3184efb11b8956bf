"""For each rule, one change of our own recorded resources that the rule has to catch.

A mutation edits the stack and returns the resource that has to be named.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components import Bucket, RegionalDomain, RegionalDomainArgs
from policy.rules import types as t
from tests.policy.analyzer import Registered
from tests.policy.recorded import json_copy, registered
from tests.recorder import deploy

Mutate = Callable[["Mutable"], Registered]


class Mutable:
    """A copy of a stack's resources, to be changed."""

    def __init__(self, resources: list[Registered]) -> None:
        self.resources = [
            dataclasses.replace(each, inputs=json_copy(each.inputs)) for each in resources
        ]

    def all(self, kind: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str, name: str = "") -> Registered:
        """The resource of that type whose name ends so; the first where any will do."""
        return next(resource for resource in self.all(kind) if resource.name.endswith(name))

    def add(self, kind: str, like: Registered, inputs: dict[str, Any]) -> Registered:
        added = Registered(kind, like.name, like.urn + "-added", inputs)
        self.resources.append(added)
        return added

    def remove(self, resource: Registered) -> None:
        self.resources.remove(resource)

    def remove_alarms(self, metric: str) -> None:
        """Remove each alarm that watches a metric of that name."""
        for alarm in self.all(t.METRIC_ALARM):
            if f'"metricName": "{metric}"' in json.dumps(alarm.inputs):
                self.remove(alarm)


@dataclass(frozen=True)
class Mutation:
    """A mutation, the variant that it is made of, and settings that the rule needs for it."""

    variant: str
    mutate: Mutate
    settings: dict[str, Any]
    prepare: Callable[[Mutable], None]


MUTATIONS: dict[str, Mutation] = {}


def mutation(
    rule: str,
    variant: str = "dev",
    settings: dict[str, Any] | None = None,
    prepare: Callable[[Mutable], None] = lambda stack: None,
) -> Callable[[Mutate], Mutate]:
    """Declare the mutation for a rule; `prepare` makes what the rule needs to be satisfied."""

    def declare(mutate: Mutate) -> Mutate:
        assert rule not in MUTATIONS
        MUTATIONS[rule] = Mutation(variant, mutate, settings or {}, prepare)
        return mutate

    return declare


def edit_statement(resource: Registered, key: str, **changes: Any) -> Registered:
    """Change the first Allow statement of a JSON policy."""
    document = json.loads(resource.inputs[key])
    statement = next(s for s in document["Statement"] if s["Effect"] == "Allow")
    statement.update(changes)
    resource.inputs[key] = json.dumps(document)
    return resource


def setting(resource: Registered, **inputs: Any) -> Registered:
    resource.inputs.update(inputs)
    return resource


@mutation("iam-no-wildcard-action")
def widened_action(stack: Mutable) -> Registered:
    return edit_statement(stack.one(t.ROLE_POLICY), "policy", Action=["dynamodb:*"])


@mutation("iam-no-wildcard-resource")
def widened_resource(stack: Mutable) -> Registered:
    return edit_statement(stack.one(t.ROLE_POLICY), "policy", Resource="*")


@mutation("iam-no-broad-managed-policy")
def broad_policy_attached(stack: Mutable) -> Registered:
    arn = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    return setting(stack.one(t.ROLE), managedPolicyArns=[arn])


@mutation("iam-trust-policy-closed")
def trust_opened(stack: Mutable) -> Registered:
    return edit_statement(stack.one(t.ROLE), "assumeRolePolicy", Principal="*")


@mutation("iam-resource-policy-closed")
def topic_opened(stack: Mutable) -> Registered:
    topic_policy = stack.one(t.TOPIC_POLICY)
    return edit_statement(topic_policy, "policy", Principal="*", Condition={})


@mutation("iam-one-role-per-function")
def role_shared(stack: Mutable) -> Registered:
    first, second = stack.all(t.FUNCTION)[:2]
    return setting(second, role=first.inputs["role"])


@mutation("queue-has-dead-letter-queue")
def dead_letter_queue_taken_away(stack: Mutable) -> Registered:
    return setting(stack.one(t.QUEUE, "events"), redrivePolicy=None)


@mutation("queue-dead-letters-outlive-source")
def dead_letters_shortened(stack: Mutable) -> Registered:
    setting(stack.one(t.QUEUE, "events-dlq"), messageRetentionSeconds=345_600)
    return stack.one(t.QUEUE, "events")


def longer_dead_letters(stack: Mutable) -> None:
    setting(stack.one(t.QUEUE, "events"), messageRetentionSeconds=345_600)


@mutation("queue-dead-letters-have-margin", prepare=longer_dead_letters)
def dead_letters_kept_no_longer(stack: Mutable) -> Registered:
    return setting(stack.one(t.QUEUE, "events"), messageRetentionSeconds=1_209_600)


@mutation("queue-encrypted")
def queue_in_plain(stack: Mutable) -> Registered:
    return setting(stack.one(t.QUEUE, "events"), sqsManagedSseEnabled=False)


@mutation("queue-tls-only")
def queue_without_tls(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.QUEUE_POLICY, "events"))
    return stack.one(t.QUEUE, "events")


@mutation("queue-visibility-covers-function")
def visibility_shortened(stack: Mutable) -> Registered:
    return setting(stack.one(t.QUEUE, "events"), visibilityTimeoutSeconds=29)


@mutation("queue-visibility-has-margin", "queue")
def visibility_margin_used_up(stack: Mutable) -> Registered:
    return setting(stack.one(t.QUEUE, "events"), visibilityTimeoutSeconds=20)


@mutation("queue-receive-count-has-margin", "queue")
def fewer_receives(stack: Mutable) -> Registered:
    queue = stack.one(t.QUEUE, "events")
    redrive = json.loads(queue.inputs["redrivePolicy"])
    return setting(queue, redrivePolicy=json.dumps({**redrive, "maxReceiveCount": 1}))


def with_a_bucket(stack: Mutable) -> None:
    """No stack has one of its own: our component's, as another program registers it."""
    stack.resources += registered(deploy(lambda: Bucket("files", {})))


@mutation("bucket-private", prepare=with_a_bucket)
def public_access_allowed(stack: Mutable) -> Registered:
    setting(stack.one(t.BUCKET_PUBLIC_ACCESS_BLOCK), restrictPublicBuckets=False)
    return stack.one(t.BUCKET)


@mutation("bucket-encrypted", prepare=with_a_bucket)
def encryption_unsaid(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.BUCKET_ENCRYPTION))
    return stack.one(t.BUCKET)


@mutation("bucket-versioned", prepare=with_a_bucket)
def versions_dropped(stack: Mutable) -> Registered:
    setting(stack.one(t.BUCKET_VERSIONING), versioningConfiguration={"status": "Suspended"})
    return stack.one(t.BUCKET)


@mutation("bucket-tls-only", prepare=with_a_bucket)
def bucket_without_tls(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.BUCKET_POLICY))
    return stack.one(t.BUCKET)


@mutation("function-timeout")
def timeout_raised(stack: Mutable) -> Registered:
    return setting(stack.one(t.FUNCTION), timeout=900)


@mutation("function-memory")
def memory_removed(stack: Mutable) -> Registered:
    return setting(stack.one(t.FUNCTION), memorySize=None)


@mutation("function-runtime")
def runtime_outdated(stack: Mutable) -> Registered:
    return setting(stack.one(t.FUNCTION), runtime="python3.9")


@mutation("function-tracing")
def tracing_off(stack: Mutable) -> Registered:
    return setting(stack.one(t.FUNCTION), tracingConfig={"mode": "PassThrough"})


@mutation("function-reports-batch-item-failures")
def batch_failures_off(stack: Mutable) -> Registered:
    return setting(stack.one(t.EVENT_SOURCE_MAPPING), functionResponseTypes=None)


@mutation("function-stream-gives-up")
def stream_never_halved(stack: Mutable) -> Registered:
    mapping = stack.one(t.EVENT_SOURCE_MAPPING, "-stream")
    return setting(mapping, bisectBatchOnFunctionError=None)


@mutation("function-permission-names-source")
def permission_without_source(stack: Mutable) -> Registered:
    return setting(stack.one(t.PERMISSION), sourceArn=None)


@mutation("function-no-secrets-in-environment")
def secret_in_environment(stack: Mutable) -> Registered:
    function = stack.one(t.FUNCTION)
    function.inputs["environment"]["variables"]["PAYMENT_API_KEY"] = "0123456789"
    return function


@mutation("function-keeps-failed-events")
def failed_events_dropped(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.EVENT_INVOKE_CONFIG))
    return stack.one(t.SCHEDULE)


@mutation("table-encrypted")
def table_in_plain(stack: Mutable) -> Registered:
    return setting(stack.one(t.TABLE), serverSideEncryption={"enabled": False})


@mutation("table-point-in-time-recovery", "prod")
def recovery_off(stack: Mutable) -> Registered:
    return setting(stack.one(t.TABLE), pointInTimeRecovery={"enabled": False})


@mutation("table-deletion-protection", "prod")
def deletion_protection_off(stack: Mutable) -> Registered:
    return setting(stack.one(t.TABLE), deletionProtectionEnabled=False)


@mutation("table-protect", "prod")
def protect_off(stack: Mutable) -> Registered:
    table = stack.one(t.TABLE)
    table.protect = False
    return table


@mutation("resource-protect", "prod")
def api_unprotected(stack: Mutable) -> Registered:
    api = stack.one(t.HTTP_API)
    api.protect = False
    return api


@mutation("topic-encrypted")
def topic_in_plain(stack: Mutable) -> Registered:
    return setting(stack.one(t.TOPIC), kmsMasterKeyId=None)


@mutation("api-throttled")
def throttling_off(stack: Mutable) -> Registered:
    stage = stack.one(t.HTTP_STAGE)
    del stage.inputs["defaultRouteSettings"]["throttlingRateLimit"]
    return stage


@mutation("api-rest-throttled")
def rest_stage_without_throttling(stack: Mutable) -> Registered:
    stage = stack.one(t.HTTP_STAGE)
    inputs = {
        "stageName": stage.inputs["name"],
        "restApi": stage.inputs["apiId"],
        "accessLogSettings": stage.inputs["accessLogSettings"],
    }
    return stack.add(t.REST_STAGE, stage, inputs)


@mutation("api-access-logs")
def access_logs_off(stack: Mutable) -> Registered:
    return setting(stack.one(t.HTTP_STAGE), accessLogSettings=None)


@mutation("api-named-origins", "prod")
def every_origin(stack: Mutable) -> Registered:
    api = stack.one(t.HTTP_API)
    api.inputs["corsConfiguration"]["allowOrigins"] = ["*"]
    return api


@mutation("api-route-authorised")
def new_open_route(stack: Mutable) -> Registered:
    return setting(stack.one(t.HTTP_ROUTE), routeKey="DELETE /everything")


@mutation("api-production-authorised", "prod")
def open_route_in_production(stack: Mutable) -> Registered:
    return setting(stack.one(t.HTTP_ROUTE), authorizationType="NONE")


@mutation("user-pool-deletion-protection", "prod")
def users_that_can_be_deleted(stack: Mutable) -> Registered:
    return setting(stack.one(t.USER_POOL), deletionProtection="INACTIVE")


@mutation("app-client-no-implicit-flow", "cognito")
def implicit_flow(stack: Mutable) -> Registered:
    pages = stack.one(t.USER_POOL_CLIENT, "-pages")
    return setting(pages, allowedOauthFlows=["code", "implicit"])


@mutation("app-client-exact-redirects", "cognito")
def wildcard_redirect(stack: Mutable) -> Registered:
    pages = stack.one(t.USER_POOL_CLIENT, "-pages")
    return setting(pages, callbackUrls=["https://*.shop.example.com/"])


@mutation("log-group-retention")
def retention_removed(stack: Mutable) -> Registered:
    return setting(stack.one(t.LOG_GROUP), retentionInDays=None)


def own_key_for_log_groups(stack: Mutable) -> None:
    for group in stack.all(t.LOG_GROUP):
        setting(group, kmsKeyId=stack.one(t.KEY).outputs["arn"])


@mutation("log-group-encrypted", "dev", {"requireOwnKey": True}, own_key_for_log_groups)
def log_group_key_removed(stack: Mutable) -> Registered:
    return setting(stack.one(t.LOG_GROUP), kmsKeyId=None)


@mutation("function-owns-log-group")
def log_group_given_up(stack: Mutable) -> Registered:
    function = stack.one(t.FUNCTION)
    name = function.inputs["loggingConfig"]["logGroup"]
    groups = stack.all(t.LOG_GROUP)
    stack.remove(next(g for g in groups if {**g.inputs, **g.outputs}["name"] == name))
    return function


@mutation("function-has-alarms")
def function_alarms_removed(stack: Mutable) -> Registered:
    stack.remove_alarms("Duration")
    return stack.one(t.FUNCTION)


@mutation("queue-has-alarms")
def queue_alarms_removed(stack: Mutable) -> Registered:
    stack.remove_alarms("ApproximateAgeOfOldestMessage")
    return stack.one(t.QUEUE, "events")


@mutation("api-has-alarms")
def api_alarms_removed(stack: Mutable) -> Registered:
    stack.remove_alarms("5xx")
    return stack.one(t.HTTP_API)


@mutation("alarm-notifies", "prod")
def alarm_silenced(stack: Mutable) -> Registered:
    return setting(stack.one(t.METRIC_ALARM), alarmActions=None)


@mutation("required-tags")
def tags_removed(stack: Mutable) -> Registered:
    table = stack.one(t.TABLE)
    table.provider_inputs = {}
    return table


@mutation("rule-target-keeps-undelivered-events")
def undelivered_events_dropped(stack: Mutable) -> Registered:
    return setting(stack.one(t.EVENT_TARGET), deadLetterConfig=None)


@mutation("bus-has-policy")
def bus_policy_removed(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.EVENT_BUS_POLICY))
    return stack.one(t.EVENT_BUS)


@mutation("bus-has-archive", "prod")
def archive_removed(stack: Mutable) -> Registered:
    stack.remove(stack.one(t.EVENT_ARCHIVE))
    return stack.one(t.EVENT_BUS)


@mutation("production-names-accounts", "prod")
def any_account(stack: Mutable) -> Registered:
    return setting(stack.one(t.PROVIDER), allowedAccountIds=None)


def with_a_replica(stack: Mutable) -> None:
    protected = {"deletionProtectionEnabled": True, "pointInTimeRecovery": True}
    setting(stack.one(t.TABLE), replicas=[{"regionName": "eu-west-1", **protected}])


@mutation("replica-protected", "prod", prepare=with_a_replica)
def replica_unprotected(stack: Mutable) -> Registered:
    return setting(stack.one(t.TABLE), replicas=[{"regionName": "eu-west-1"}])


@mutation("global-name-is-of-one-region", "prod", prepare=with_a_replica)
def dashboard_called_alike_everywhere(stack: Mutable) -> Registered:
    return setting(stack.one(t.DASHBOARD), dashboardName="orders")


def with_a_domain(stack: Mutable) -> None:
    args: RegionalDomainArgs = {
        "domain": {"name": "api.example.com", "zone_id": "Z0123456789ABCDEFGHIJ"},
        "api_id": "abc123",
        "api_url": "https://abc123.execute-api.eu-west-1.amazonaws.com",
        "stage_name": "$default",
    }
    stack.resources += registered(deploy(lambda: RegionalDomain("shop", args)))


@mutation("latency-record-has-health-check", prepare=with_a_domain)
def health_unasked(stack: Mutable) -> Registered:
    led = next(r for r in stack.all(t.DNS_RECORD) if "latencyRoutingPolicies" in r.inputs)
    return setting(led, healthCheckId=None)
