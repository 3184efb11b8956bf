"""A role for each environment of the repository's workflows, and the keys of their secrets.

Deployed once, by a person who may make roles; the outputs are what the workflows need to know.
"""

from typing import Any

import pulumi
import pulumi_aws as aws
from serverless_orders import DeployRole

config = pulumi.Config()
region = config.require("region")
provider = aws.Provider("aws", region=region)

# Of stacks of pull requests and of the night, the names and suffixes begin so.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "preview": {"stack": "dev", "access": "read"},
    "dev": {"stack": "dev"},
    "prod": {"stack": "prod"},
    "drift-dev": {"stack": "dev", "access": "read"},
    "drift-prod": {"stack": "prod", "access": "read"},
    "throwaway": {"stack": "try-*", "name_suffix": "-try-*", "drills": True},
}

# A key for each kind of stack: whoever may read one's secrets may not read another's.
keys = {
    stack: aws.kms.Key(
        stack.rstrip("-*"),
        description=f"Secrets in the state of {stack}",
        enable_key_rotation=True,
        opts=pulumi.ResourceOptions(provider=provider, protect=True),
    )
    for stack in sorted({each["stack"] for each in ENVIRONMENTS.values()})
}

common: dict[str, Any] = {
    "repository": config.require("repository"),
    "region": region,
    "state_bucket": config.require("stateBucket"),
}
for environment, own in ENVIRONMENTS.items():
    key = keys[own["stack"]]
    role = DeployRole(
        f"deploy-{environment}",
        {**common, **own, "environments": [environment], "state_key_arn": key.arn},
        pulumi.ResourceOptions(provider=provider),
    )
    # The account has one provider of identities for GitHub, which the first role makes.
    common["provider_arn"] = role.provider_arn
    pulumi.export(
        environment,
        {
            "DEPLOY_ROLE": role.role_arn,
            "PERMISSIONS_BOUNDARY": role.boundary_arn,
            "PULUMI_SECRETS_PROVIDER": pulumi.Output.concat("awskms:///", key.arn),
        },
    )
