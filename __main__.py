"""The order system as one Pulumi program; its configuration is described in Pulumi.yaml."""

import pulumi
import pulumi_aws as aws

from components import OrderSystem, home_parts
from settings import Settings

project, stack = pulumi.get_project(), pulumi.get_stack()
settings = Settings.load(pulumi.Config(), stack)
provider = aws.Provider(
    "aws",
    region=settings.region,
    allowed_account_ids=settings.allowed_account_ids or None,
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={"project": project, "stack": stack, "managed-by": "pulumi", **settings.tags}
    ),
)
if settings.home_stack is not None:
    home = pulumi.StackReference(settings.home_stack)
    told = home.require_output("regions")
    settings.system["regions"]["home"] = home_parts(settings.system, told)
system = OrderSystem(
    "orders",
    {**settings.system, "service": f"{project}-{stack}"},
    # Every part inherits it: a destroy without a preview deletes what is not protected.
    pulumi.ResourceOptions(provider=provider, protect=settings.system.get("protect")),
)

pulumi.export("apiUrl", system.api_url)
pulumi.export("ordersTableName", system.table_name)
pulumi.export("orderEventsQueueUrl", system.queue_url)
pulumi.export("orderEventsDlqUrl", system.dlq_url)
if system.bus_name is not None:
    pulumi.export("orderEventsBusName", system.bus_name)
    pulumi.export("unpublishedEventsBucketName", system.unpublished_bucket_name)
if system.imports_bucket_name is not None:
    pulumi.export("importsBucketName", system.imports_bucket_name)
if system.issuer is not None:
    pulumi.export("issuer", system.issuer)
if system.user_pool_id is not None:
    pulumi.export("userPoolId", system.user_pool_id)
    pulumi.export("signInUrl", system.sign_in_url)
    pulumi.export("pageClientId", system.page_client_id)
if system.machine_client_id is not None:
    pulumi.export("machineClientId", system.machine_client_id)
    pulumi.export("machineClientSecret", system.machine_client_secret)
if system.domain_url is not None:
    pulumi.export("domainUrl", system.domain_url)
if system.region_parts is not None:
    pulumi.export("regions", system.region_parts)
if settings.region_told is not None:
    pulumi.export("region", settings.region_told)
pulumi.export("dashboardUrl", system.dashboard_url)
pulumi.export("functionNames", system.function_names)
if system.deployments is not None:
    pulumi.export("deployments", system.deployments)
    pulumi.export("next", f"python -m operations deploy --stack {stack}")
