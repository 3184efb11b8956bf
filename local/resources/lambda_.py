"""Lambda functions, aliases, permissions and event source mappings."""

from __future__ import annotations

import platform
import sys
from typing import Any

from local.errors import DeployError
from local.inputs import Inputs
from local.resources.cognito import reached_here
from local.resources.registry import Creation, creates, updates


def invoke_arn(region: str, function_arn: str) -> str:
    """The ARN by which API Gateway invokes a function or alias."""
    return (
        f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    )


_LOGGING = {
    "logFormat": "LogFormat",
    "logGroup": "LogGroup",
    "applicationLogLevel": "ApplicationLogLevel",
    "systemLogLevel": "SystemLogLevel",
}


def _configuration(creation: Creation) -> dict[str, Any]:
    inputs, request = creation.inputs, dict[str, Any]()
    if "environment" in inputs:
        given = inputs["environment"].get("variables")
        variables = given.plain() if given else {}
        request["Environment"] = {
            "Variables": {key: reached_here(creation, each) for key, each in variables.items()}
        }
    if "tracingConfig" in inputs:
        request["TracingConfig"] = {"Mode": inputs["tracingConfig"]["mode"]}
    if "loggingConfig" in inputs:
        logging = inputs["loggingConfig"]
        request["LoggingConfig"] = {
            parameter: logging[key] for key, parameter in _LOGGING.items() if key in logging
        }
    if "deadLetterConfig" in inputs:
        request["DeadLetterConfig"] = {"TargetArn": inputs["deadLetterConfig"]["targetArn"]}
    if "ephemeralStorage" in inputs:
        request["EphemeralStorage"] = {"Size": inputs["ephemeralStorage"]["size"]}
    return request


_SETTINGS = {
    "runtime": "Runtime",
    "handler": "Handler",
    "description": "Description",
    "timeout": "Timeout",
    "memorySize": "MemorySize",
    "layers": "Layers",
}

_UNSET: dict[str, tuple[str, Any]] = {
    "environment": ("Environment", {"Variables": {}}),
    "deadLetterConfig": ("DeadLetterConfig", {}),
    "description": ("Description", ""),
    "layers": ("Layers", []),
}
"""What an update has to say of an input that is gone."""


def _say_what_lacks(creation: Creation) -> None:
    runtime = str(creation.inputs.get("runtime", ""))
    if not runtime.startswith("python"):
        raise DeployError(
            f"{creation.type} {creation.logical_name}: runtime {runtime!r} has no local "
            f"counterpart: only Python runtimes have"
        )
    creation.no_effect("memorySize", "memory is not limited locally")
    creation.no_effect("architectures", "functions run on this machine's processor")
    if not sys.version.startswith(runtime.removeprefix("python") + "."):
        here = f"functions run on this machine's Python {platform.python_version()}"
        creation.without_effect[f"{creation.type}.runtime"] = here
    creation.no_effect("vpcConfig", "functions are not placed in a VPC locally")
    creation.no_effect("kmsKeyArn", "environment variables are not encrypted locally")
    creation.no_effect("skipDestroy", "nothing is deleted locally")
    creation.no_effect("sourceCodeHash", "the code is always fresh")


@creates("aws:lambda/function:Function")
def function(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, inputs, client = creation.name(), creation.inputs, creation.clients("lambda")
    _say_what_lacks(creation)
    client.create_function(
        FunctionName=name,
        Role=inputs["role"],
        Code=creation.code(inputs["code"]),
        Tags=creation.tags(),
        **_configuration(creation),
        **creation.given({**_SETTINGS, "architectures": "Architectures"}),
    )
    return _published(creation, name)


@updates("aws:lambda/function:Function", fixed=("packageType",))
def function_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, inputs, client = creation.name(), creation.inputs, creation.clients("lambda")
    _say_what_lacks(creation)
    code, role = inputs["code"], inputs["role"]
    gone = (_UNSET[key] for key in creation.changed if key in _UNSET and key not in inputs)
    settings = {**_configuration(creation), **creation.given(_SETTINGS), **dict(gone)}
    if "code" in creation.changed:
        client.update_function_code(FunctionName=name, **creation.code(code))
    if creation.changed - {"code", "reservedConcurrentExecutions"}:
        client.update_function_configuration(FunctionName=name, Role=role, **settings)
    return _published(creation, name)


def _published(creation: Creation, name: str) -> tuple[str, dict[str, Any]]:
    """Publish the function as it is now; its id and outputs."""
    inputs, client = creation.inputs, creation.clients("lambda")
    version = "$LATEST"
    if inputs.get("publish"):
        version = client.publish_version(FunctionName=name)["Version"]
    reserved = inputs.get("reservedConcurrentExecutions", -1)
    if reserved >= 0:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    elif "reservedConcurrentExecutions" in creation.changed:
        client.delete_function_concurrency(FunctionName=name)
    configuration = client.get_function_configuration(FunctionName=name)
    arn = configuration["FunctionArn"]
    return name, {
        "name": name,
        "arn": arn,
        "version": version,
        "qualifiedArn": f"{arn}:{version}",
        "invokeArn": invoke_arn(creation.region, arn),
        "qualifiedInvokeArn": invoke_arn(creation.region, f"{arn}:{version}"),
        "lastModified": configuration["LastModified"],
        "codeSha256": configuration["CodeSha256"],
        "sourceCodeHash": configuration["CodeSha256"],
        "sourceCodeSize": configuration["CodeSize"],
    }


@creates("aws:lambda/alias:Alias")
def alias(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, inputs = creation.name(), creation.inputs
    arn = creation.clients("lambda").create_alias(
        FunctionName=inputs["functionName"],
        Name=name,
        FunctionVersion=str(inputs["functionVersion"]),
        RoutingConfig=_routing(inputs),
        **creation.given({"description": "Description"}),
    )["AliasArn"]
    return arn, {"name": name, "arn": arn, "invokeArn": invoke_arn(creation.region, arn)}


def _routing(inputs: Inputs) -> dict[str, Any]:
    routing = inputs.get("routingConfig")
    weights = routing["additionalVersionWeights"].plain() if routing else {}
    return {"AdditionalVersionWeights": weights}


@updates("aws:lambda/alias:Alias", fixed=("functionName",))
def alias_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    """Later invocations take the other version; what runs ends in the one that it began in."""
    name, inputs, client = creation.name(), creation.inputs, creation.clients("lambda")
    function = inputs["functionName"]
    former = client.get_alias(FunctionName=function, Name=name)["FunctionVersion"]
    arn = client.update_alias(
        FunctionName=function,
        Name=name,
        FunctionVersion=str(inputs["functionVersion"]),
        Description=inputs.get("description", ""),
        RoutingConfig=_routing(inputs),
    )["AliasArn"]
    if former not in ("$LATEST", str(inputs["functionVersion"])):
        client.delete_function(FunctionName=function, Qualifier=former)
    return arn, {"name": name, "arn": arn, "invokeArn": invoke_arn(creation.region, arn)}


@creates("aws:lambda/permission:Permission")
def permission(creation: Creation) -> tuple[str, dict[str, Any]]:
    statement = creation.name("statementId")
    creation.clients("lambda").add_permission(
        FunctionName=creation.inputs["function"],
        StatementId=statement,
        **creation.given(
            {
                "action": "Action",
                "principal": "Principal",
                "qualifier": "Qualifier",
                "sourceArn": "SourceArn",
                "sourceAccount": "SourceAccount",
                "principalOrgId": "PrincipalOrgID",
            }
        ),
    )
    return statement, {"statementId": statement}


@creates(
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    puts=True,
    fixed=("functionName", "qualifier"),
)
def event_invoke_config(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    request = creation.given(
        {
            "qualifier": "Qualifier",
            "maximumRetryAttempts": "MaximumRetryAttempts",
            "maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
        }
    )
    if "destinationConfig" in inputs:
        request["DestinationConfig"] = {
            {"onFailure": "OnFailure", "onSuccess": "OnSuccess"}[key]: {
                "Destination": target["destination"]
            }
            for key, target in inputs["destinationConfig"].items()
        }
    name = inputs["functionName"]
    creation.clients("lambda").put_function_event_invoke_config(FunctionName=name, **request)
    return f"{name}:{inputs.get('qualifier', '$LATEST')}", {}


@creates("aws:lambda/eventSourceMapping:EventSourceMapping")
def event_source_mapping(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    request = _mapping(creation)
    created = creation.clients("lambda").create_event_source_mapping(
        EventSourceArn=inputs["eventSourceArn"],
        Tags=creation.tags(),
        **creation.given({"startingPosition": "StartingPosition"}),
        **request,
    )
    return _mapped(created)


@updates(
    "aws:lambda/eventSourceMapping:EventSourceMapping",
    fixed=("eventSourceArn", "startingPosition"),
)
def event_source_mapping_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    before = creation.before or {}
    request = _mapping(creation)
    if "filterCriteria" in creation.changed:
        request.setdefault("FilterCriteria", {"Filters": []})
    return _mapped(
        creation.clients("lambda").update_event_source_mapping(UUID=before["uuid"], **request)
    )


def _mapped(answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return answer["UUID"], {
        "uuid": answer["UUID"],
        "functionArn": answer["FunctionArn"],
        "state": answer["State"],
    }


def _mapping(creation: Creation) -> dict[str, Any]:
    """What a mapping is asked for, whether it is made or changed."""
    inputs = creation.inputs
    function_name, source = inputs["functionName"], inputs["eventSourceArn"]
    _require_source_access(creation, function_name, source)
    _require_long_visibility(creation, function_name, source)
    creation.no_effect("maximumBatchingWindowInSeconds", "batches are delivered at once")
    creation.no_effect("metricsConfig", "the emulator counts no events of mappings")
    registered = inputs.get("scalingConfig", Inputs({})).get("maximumConcurrency")
    concurrency = min(registered or creation.batch_concurrency, creation.batch_concurrency)
    request = creation.given(
        {
            "batchSize": "BatchSize",
            "maximumBatchingWindowInSeconds": "MaximumBatchingWindowInSeconds",
            "functionResponseTypes": "FunctionResponseTypes",
            "enabled": "Enabled",
            "bisectBatchOnFunctionError": "BisectBatchOnFunctionError",
            "maximumRetryAttempts": "MaximumRetryAttempts",
            "maximumRecordAgeInSeconds": "MaximumRecordAgeInSeconds",
            "parallelizationFactor": "ParallelizationFactor",
        }
    )
    if "filterCriteria" in inputs:
        request["FilterCriteria"] = {
            "Filters": [
                {"Pattern": item["pattern"]} for item in inputs["filterCriteria"]["filters"]
            ]
        }
    if "destinationConfig" in inputs:
        destination = inputs["destinationConfig"]["onFailure"]["destinationArn"]
        request["DestinationConfig"] = {"OnFailure": {"Destination": destination}}
    if source.split(":")[2] == "sqs":
        request["ScalingConfig"] = {"MaximumConcurrency": concurrency}
    return {"FunctionName": function_name, **request}


_SOURCE_ACTIONS = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator"),
}


def _require_source_access(creation: Creation, function_name: str, source: str) -> None:
    # Lambda refuses a mapping whose execution role cannot read the source; the emulator does not.
    service = source.split(":")[2]
    actions = [f"{service}:{action}" for action in _SOURCE_ACTIONS.get(service, ())]
    if not actions:
        return
    role = creation.clients("lambda").get_function_configuration(FunctionName=function_name)["Role"]
    for result in creation.clients("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=actions, ResourceArns=[source]
    )["EvaluationResults"]:
        if result["EvalDecision"] != "allowed":
            raise DeployError(
                f"{creation.type} {creation.logical_name}: the function execution role {role} "
                f"may not {result['EvalActionName']} on {source}"
            )


def _require_long_visibility(creation: Creation, function_name: str, source: str) -> None:
    # Lambda refuses a queue that hands a message out again while it is being processed.
    if source.split(":")[2] != "sqs":
        return
    queues, name = creation.clients("sqs"), source.rsplit(":", 1)[1]
    url = queues.get_queue_url(QueueName=name)["QueueUrl"]
    attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    visibility = int(attributes["Attributes"]["VisibilityTimeout"])
    configuration = creation.clients("lambda").get_function_configuration(
        FunctionName=function_name
    )
    if visibility < configuration["Timeout"]:
        raise DeployError(
            f"{creation.type} {creation.logical_name}: the visibility timeout of queue {name} "
            f"({visibility} s) is less than the function timeout ({configuration['Timeout']} s)"
        )
