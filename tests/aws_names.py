"""The account that tests pretend to deploy to: what AWS says of it, its ARNs and URLs.

Formats: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from typing import Any

ACCOUNT = "123456789012"
PARTITION = "aws"


def invoke_answers(region: str) -> dict[str, dict[str, Any]]:
    """What the provider's functions about account and region answer, by token."""
    return {
        "aws:index/getCallerIdentity:getCallerIdentity": {
            "accountId": ACCOUNT,
            "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:user/deployer",
            "id": ACCOUNT,
            "userId": "AIDAEXAMPLE",
        },
        "aws:index/getPartition:getPartition": {
            "dnsSuffix": "amazonaws.com",
            "id": PARTITION,
            "partition": PARTITION,
            "reverseDnsPrefix": "com.amazonaws",
        },
        "aws:index/getRegion:getRegion": {
            "description": region,
            "endpoint": f"ec2.{region}.amazonaws.com",
            "id": region,
            "name": region,
            "region": region,
        },
    }


def arn(service: str, resource: str, region: str, account: str = ACCOUNT) -> str:
    """The ARN of a resource; `region` is empty for services that are global."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"


def invoke_arn(function_arn: str, region: str) -> str:
    """The ARN by which API Gateway invokes a function or alias."""
    path = f"path/2015-03-31/functions/{function_arn}/invocations"
    return arn("apigateway", path, region, account="lambda")


def api_arn(api_id: str, region: str) -> str:
    """The ARN of an HTTP API."""
    return arn("apigateway", f"/apis/{api_id}", region, account="")


def api_endpoint(api_id: str, region: str) -> str:
    """The URL at which an HTTP API answers."""
    return f"https://{api_id}.execute-api.{region}.amazonaws.com"


def bucket_arn(name: str) -> str:
    """The ARN of a bucket."""
    return f"arn:{PARTITION}:s3:::{name}"


def queue_url(name: str, region: str) -> str:
    """The URL of a queue."""
    return f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}"
