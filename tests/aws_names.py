"""The account that tests pretend to deploy to, and how AWS writes ARNs and URLs in it.

Formats: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

ACCOUNT = "123456789012"
PARTITION = "aws"


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


def queue_url(name: str, region: str) -> str:
    """The URL of a queue."""
    return f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}"
