"""Which resource types the local run creates, and how: one small module per AWS service."""

from local.resources import (
    acm,
    apigateway,
    cloudwatch,
    codedeploy,
    cognito,
    dynamodb,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    sns,
    sqs,
)
from local.resources.registry import CREATORS, UPDATES, WITHOUT_EFFECT, Creation

__all__ = [
    "CREATORS",
    "UPDATES",
    "WITHOUT_EFFECT",
    "Creation",
    "acm",
    "apigateway",
    "cloudwatch",
    "codedeploy",
    "cognito",
    "dynamodb",
    "events",
    "iam",
    "kms",
    "lambda_",
    "logs",
    "s3",
    "scheduler",
    "sns",
    "sqs",
]
