"""An API's own domain, the same in several regions: callers reach the nearest that is healthy."""

from typing import Annotated, NotRequired, Optional, TypedDict
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws

from .component import Component
from .inputs import Default, Text, checked

# The only one that an HTTP API's domain has:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html
SECURITY_POLICY = "TLS_1_2"

CHECK_SECONDS, CHECK_FAILURES = 30, 3
"""How often each checker asks, and after how many failures in a row it calls a region unhealthy."""

# The fewest that Route 53 takes, on three continents. From all eight regions a request comes about
# every two seconds, each of which is billed by the API and by Lambda; from three, every five:
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_autonaming_HealthCheckConfig.html
CHECKED_FROM = ("ap-southeast-1", "eu-west-1", "us-east-1")

VALIDATION_TTL_SECONDS = 300

DomainName = Annotated[
    str,
    Text(
        r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a domain in lower case as api.example.com",
    ),
]
ZoneId = Annotated[
    str, Text(r"Z[A-Z0-9]{1,31}", "the id of a hosted zone as Z0123456789ABCDEFGHIJ")
]


class Domain(TypedDict):
    """A domain of one's own, whose zone Route 53 hosts in this account."""

    name: DomainName
    """The domain, the same in each region."""
    zone_id: ZoneId
    """Id of the public hosted zone that holds it."""


class RegionalDomainArgs(TypedDict):
    """Inputs of RegionalDomain."""

    domain: Domain
    """The domain, the same in each region."""
    api_id: pulumi.Input[str]
    """Id of the HTTP API that answers in this region."""
    api_url: pulumi.Input[str]
    """Where the API answers without the domain; its health is checked there."""
    stage_name: pulumi.Input[str]
    """Stage of the API."""
    health_path: NotRequired[Annotated[str, Text(r"/\S*", "a path as /health", default="/health")]]
    """Path that answers 200 while the region can do its work, and 503 when not."""
    validates: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether it proves here that the domain is ours; for one account in one region alone."""


class RegionalDomain(Component):
    """A region's part of a domain: certificate, mapping, health check and latency record."""

    url: pulumi.Output[str]
    """Where callers reach the nearest healthy region, without a slash at the end."""
    health_check_id: pulumi.Output[str]
    """Id of the region's health check."""
    certificate_arn: pulumi.Output[str]
    """ARN of the region's certificate."""

    def __init__(
        self, name: str, args: RegionalDomainArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(RegionalDomainArgs, args, f"RegionalDomain {name}")
        super().__init__("serverless-orders:index:RegionalDomain", name, {}, opts)
        self._prefix, self._args, self._domain = name, args, args["domain"]
        self._child = pulumi.ResourceOptions(parent=self)
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        certificate_arn = self._certificate()
        domain = self._map(certificate_arn)
        check = self._check(region)
        self._lead(domain, region, check)
        self.url = pulumi.Output.from_input(f"https://{self._domain['name']}")
        self.health_check_id = check.id
        self.certificate_arn = certificate_arn
        self.register()

    def _certificate(self) -> pulumi.Output[str]:
        """The ARN of the certificate, once it is issued."""
        certificate = aws.acm.Certificate(
            self._prefix,
            domain_name=self._domain["name"],
            validation_method="DNS",
            opts=self._child,
        )
        proof = self._prove(certificate) if self._args["validates"] else None
        issued = aws.acm.CertificateValidation(
            self._prefix,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn] if proof else None,
            opts=self._child,
        )
        return issued.certificate_arn

    def _prove(self, certificate: aws.acm.Certificate) -> aws.route53.Record:
        """What ACM asks for to prove whose the domain is: the same record for all certificates of
        an account, so one region writes it, and those of the others wait for it
        (https://github.com/hashicorp/terraform-provider-aws/issues/13653)."""
        asked = certificate.domain_validation_options[0]
        return aws.route53.Record(
            f"{self._prefix}-validation",
            zone_id=self._domain["zone_id"],
            name=asked.resource_record_name.apply(str),
            type=asked.resource_record_type.apply(str),
            records=[asked.resource_record_value.apply(str)],
            ttl=VALIDATION_TTL_SECONDS,
            opts=self._child,
        )

    def _map(self, certificate_arn: pulumi.Output[str]) -> aws.apigatewayv2.DomainName:
        domain = aws.apigatewayv2.DomainName(
            self._prefix,
            domain_name=self._domain["name"],
            domain_name_configuration=aws.apigatewayv2.DomainNameDomainNameConfigurationArgs(
                certificate_arn=certificate_arn,
                endpoint_type="REGIONAL",
                security_policy=SECURITY_POLICY,
            ),
            opts=self._child,
        )
        aws.apigatewayv2.ApiMapping(
            self._prefix,
            api_id=self._args["api_id"],
            domain_name=domain.id,
            stage=self._args["stage_name"],
            opts=self._child,
        )
        return domain

    def _check(self, region: pulumi.Output[str]) -> aws.route53.HealthCheck:
        """Of the API itself: by the domain, a checker could be led to another region."""
        url = pulumi.Output.from_input(self._args["api_url"])
        return aws.route53.HealthCheck(
            self._prefix,
            type="HTTPS",
            fqdn=url.apply(lambda known: urlsplit(known).hostname or ""),
            port=443,
            resource_path=self._args["health_path"],
            enable_sni=True,
            request_interval=CHECK_SECONDS,
            failure_threshold=CHECK_FAILURES,
            measure_latency=False,
            regions=list(CHECKED_FROM),
            # The console shows this tag as the check's name.
            tags={"Name": region.apply(lambda known: f"{self._domain['name']} in {known}")},
            opts=self._child,
        )

    def _lead(
        self,
        domain: aws.apigatewayv2.DomainName,
        region: pulumi.Output[str],
        check: aws.route53.HealthCheck,
    ) -> None:
        target = domain.domain_name_configuration
        aws.route53.Record(
            self._prefix,
            zone_id=self._domain["zone_id"],
            name=self._domain["name"],
            type="A",
            set_identifier=region,
            latency_routing_policies=[aws.route53.RecordLatencyRoutingPolicyArgs(region=region)],
            health_check_id=check.id,
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=target.target_domain_name.apply(str),
                    zone_id=target.hosted_zone_id.apply(str),
                    # Beside the check: fails when API Gateway itself does, in the whole region.
                    evaluate_target_health=True,
                )
            ],
            opts=self._child,
        )
