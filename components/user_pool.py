"""Sign-in: a Cognito user pool, by which people and machines get access tokens for an API."""

import hashlib
from collections.abc import Iterator
from typing import Annotated, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from .component import Component
from .inputs import Default, Items, OneOf, Problem, Text, Whole, checked, contradictions

# Cognito compares redirects as they stand, character by character, and takes plain HTTP from
# nobody but the machine that the page runs on.
Redirect = Annotated[
    str,
    Text(
        r"https://[a-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#*]*)?|http://localhost(:[0-9]{1,5})?(/[^\s?#*]*)?",
        "one exact address as https://shop.example.com/signed-in, or below http://localhost",
    ),
]

Scopes = list[
    Annotated[str, Text(r"[!-~]+/[!-.0-~]+", "a scope with its resource server, as orders/read")]
]

# Units of the lifetimes of tokens.
MINUTES, DAYS = "minutes", "days"

MFA = {"off": "OFF", "optional": "OPTIONAL", "required": "ON"}

# How Cognito's own e-mails are limited without an identity of SES, and why production needs one:
# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-email.html
IDENTITY = r"arn:aws[a-z-]*:ses:[a-z0-9-]+:[0-9]{12}:identity/\S+"


class UserPoolSettings(TypedDict):
    """The users of a pool, and the pages and machines that may sign in."""

    callback_urls: NotRequired[
        Annotated[list[Redirect], Items(1, different=True, default=("http://localhost:3000/",))]
    ]
    """Where pages are sent back to after a sign-in, each address in full."""
    logout_urls: NotRequired[Annotated[list[Redirect], Items(different=True, default=())]]
    """Where pages are sent back to after a sign-out, each address in full."""
    self_sign_up: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether people make their accounts themselves; otherwise only an administrator does."""
    mfa: NotRequired[Annotated[str, OneOf(tuple(MFA), default="optional")]]
    """Whether people sign in with a second factor, a code of an authenticator app."""
    password_length: NotRequired[Annotated[int, Whole(8, 99, default=12)]]
    """Fewest characters of a password."""
    access_token_minutes: NotRequired[Annotated[int, Whole(5, 1440, default=60)]]
    """How long an access token is good for; an API takes it as long, whatever happens."""
    refresh_token_days: NotRequired[Annotated[int, Whole(1, 3650, default=30)]]
    """How long a page can get new access tokens after a sign-in."""
    domain_prefix: NotRequired[
        Annotated[
            str,
            Text(
                r"(?!.*(aws|amazon|cognito))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
                "at most 63 lower-case letters, digits and -, without aws, amazon or cognito",
            ),
        ]
    ]
    """What the address of the sign-in pages begins with; made of the pool's id by default."""
    ses_identity_arn: NotRequired[Annotated[str, Text(IDENTITY, "the ARN of an identity in SES")]]
    """Identity in SES that e-mails come from; by default Cognito's own, which sends 50 a day."""


class UserPoolArgs(UserPoolSettings):
    """Inputs of UserPool."""

    resource_server: Annotated[str, Text(r"[!-.0-~]{1,256}", "a name without spaces and slashes")]
    """Name of the API in the scopes of its access tokens."""
    scopes: Annotated[
        dict[
            Annotated[str, Text(r"[!-.0-~]{1,256}", "a name without spaces and slashes")],
            Annotated[str, Text(r".{1,256}", "a text of at most 256 characters")],
        ],
        Default(),
    ]
    """The scopes of the API and what each allows: `read` of the API orders is orders/read."""
    page_scopes: Annotated[Scopes, Items(1, different=True)]
    """Scopes that a page can get for the people who sign in."""
    machine_scopes: NotRequired[Annotated[Scopes, Items(different=True, default=())]]
    """Scopes that a machine can get for itself; without any there is no client for machines."""
    deletion_protection: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether Cognito refuses to delete the pool with its users."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the pool; by default as the option of the component."""


@contradictions(UserPoolArgs)
def _scopes_are_those_of_the_api(args: UserPoolArgs) -> Iterator[Problem]:
    there = {f"{args['resource_server']}/{name}" for name in args["scopes"]}
    for field in ("page_scopes", "machine_scopes"):
        for number, scope in enumerate(args[field]):
            if scope not in there:
                text = f"expected one of {', '.join(sorted(there))}, not {scope!r}"
                yield Problem((field, number), text)


class UserPool(Component):
    """A pool of users, its sign-in pages, and a client each for pages and for machines."""

    pool_id: pulumi.Output[str]
    """Id of the pool."""
    pool_arn: pulumi.Output[str]
    """ARN of the pool."""
    issuer: pulumi.Output[str]
    """The pool as its tokens name it; its keys are at `/.well-known/jwks.json` below."""
    sign_in_url: pulumi.Output[str]
    """Where the pages for signing in are, `/oauth2/authorize` and `/oauth2/token`."""
    page_client_id: pulumi.Output[str]
    """Id of the client for pages: authorization code with PKCE, no secret."""
    machine_client_id: Optional[pulumi.Output[str]]
    """Id of the client for machines: client credentials; only with scopes for it."""
    machine_client_secret: Optional[pulumi.Output[str]]
    """Secret of the client for machines."""

    def __init__(
        self, name: str, args: UserPoolArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(UserPoolArgs, args, f"UserPool {name}")
        super().__init__("serverless-orders:index:UserPool", name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._pool = self._make_pool()
        server = aws.cognito.ResourceServer(
            name,
            user_pool_id=self._pool.id,
            identifier=args["resource_server"],
            name=args["resource_server"],
            scopes=[
                aws.cognito.ResourceServerScopeArgs(scope_name=scope, scope_description=text)
                for scope, text in args["scopes"].items()
            ],
            opts=self._child,
        )
        # A client with scopes that do not exist yet is refused.
        self._after = pulumi.ResourceOptions(parent=self, depends_on=[server])
        pages = self._make_page_client()
        machines = (
            self.machine("machines", args["machine_scopes"]) if args["machine_scopes"] else None
        )
        domain = self._make_domain()
        # Without a style, the pages of managed login are not shown at all.
        aws.cognito.ManagedLoginBranding(
            name,
            user_pool_id=self._pool.id,
            client_id=pages.id,
            use_cognito_provided_values=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[domain]),
        )
        self.pool_id, self.pool_arn = self._pool.id, self._pool.arn
        self.issuer = pulumi.Output.format("https://{0}", self._pool.endpoint)
        self.sign_in_url = pulumi.Output.format(
            "https://{0}.auth.{1}.amazoncognito.com", domain.domain, self._pool.region
        )
        self.page_client_id = pages.id
        self.machine_client_id = machines.id if machines else None
        self.machine_client_secret = (
            pulumi.Output.secret(machines.client_secret) if machines else None
        )
        self.register()

    def machine(self, label: str, scopes: list[str]) -> aws.cognito.UserPoolClient:
        """A client for one more machine, which gets these scopes for itself."""
        return aws.cognito.UserPoolClient(
            f"{self._prefix}-{label}",
            user_pool_id=self._pool.id,
            generate_secret=True,
            allowed_oauth_flows=["client_credentials"],
            allowed_oauth_flows_user_pool_client=True,
            allowed_oauth_scopes=scopes,
            # The fewest that Cognito takes: nobody signs in by this client.
            explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"],
            access_token_validity=self._args["access_token_minutes"],
            token_validity_units={"access_token": MINUTES},
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            opts=self._after,
        )

    def _make_pool(self) -> aws.cognito.UserPool:
        args = self._args
        identity = args.get("ses_identity_arn")
        return aws.cognito.UserPool(
            self._prefix,
            # The plan with managed login; its first 10,000 users a month are free. Threat
            # protection, which is not, takes the plan Plus.
            user_pool_tier="ESSENTIALS",
            # Signing up for a name that somebody has is always refused; with an address that
            # somebody has it is not, if addresses are aliases rather than names:
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
            alias_attributes=["email"],
            username_configuration=aws.cognito.UserPoolUsernameConfigurationArgs(
                case_sensitive=False
            ),
            schemas=[
                aws.cognito.UserPoolSchemaArgs(
                    name="email",
                    attribute_data_type="String",
                    required=True,
                    mutable=True,
                    # AWS's own for this attribute; without them every preview would show a change.
                    string_attribute_constraints=aws.cognito.UserPoolSchemaStringAttributeConstraintsArgs(
                        min_length="0", max_length="2048"
                    ),
                )
            ],
            auto_verified_attributes=["email"],
            user_attribute_update_settings=aws.cognito.UserPoolUserAttributeUpdateSettingsArgs(
                attributes_require_verification_before_updates=["email"]
            ),
            admin_create_user_config=aws.cognito.UserPoolAdminCreateUserConfigArgs(
                allow_admin_create_user_only=not args["self_sign_up"]
            ),
            password_policy=aws.cognito.UserPoolPasswordPolicyArgs(
                minimum_length=args["password_length"],
                require_lowercase=True,
                require_uppercase=True,
                require_numbers=True,
                require_symbols=True,
                temporary_password_validity_days=3,
            ),
            mfa_configuration=MFA[args["mfa"]],
            software_token_mfa_configuration=(
                aws.cognito.UserPoolSoftwareTokenMfaConfigurationArgs(enabled=True)
                if args["mfa"] != "off"
                else None
            ),
            account_recovery_setting=aws.cognito.UserPoolAccountRecoverySettingArgs(
                recovery_mechanisms=[
                    aws.cognito.UserPoolAccountRecoverySettingRecoveryMechanismArgs(
                        name="verified_email", priority=1
                    )
                ]
            ),
            email_configuration=(
                aws.cognito.UserPoolEmailConfigurationArgs(
                    email_sending_account="DEVELOPER", source_arn=identity
                )
                if identity
                else None
            ),
            deletion_protection="ACTIVE" if args["deletion_protection"] else "INACTIVE",
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect")),
        )

    def _make_page_client(self) -> aws.cognito.UserPoolClient:
        args = self._args
        return aws.cognito.UserPoolClient(
            f"{self._prefix}-pages",
            user_pool_id=self._pool.id,
            # What is in a page is known to everybody who sees it.
            generate_secret=False,
            allowed_oauth_flows=["code"],
            allowed_oauth_flows_user_pool_client=True,
            allowed_oauth_scopes=["openid", *args["page_scopes"]],
            callback_urls=args["callback_urls"],
            logout_urls=args["logout_urls"] or None,
            supported_identity_providers=["COGNITO"],
            # Passwords go to the sign-in pages, never through ours; a token of this way has none
            # of the API's scopes.
            explicit_auth_flows=["ALLOW_USER_SRP_AUTH"],
            # RFC 9700, 2.2.2: of a client without a secret, a refresh token is good only once.
            refresh_token_rotation=aws.cognito.UserPoolClientRefreshTokenRotationArgs(
                feature="ENABLED", retry_grace_period_seconds=30
            ),
            access_token_validity=args["access_token_minutes"],
            id_token_validity=args["access_token_minutes"],
            refresh_token_validity=args["refresh_token_days"],
            token_validity_units={
                "access_token": MINUTES,
                "id_token": MINUTES,
                "refresh_token": DAYS,
            },
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            read_attributes=["email", "email_verified"],
            write_attributes=["email"],
            opts=self._after,
        )

    def _make_domain(self) -> aws.cognito.UserPoolDomain:
        return aws.cognito.UserPoolDomain(
            self._prefix,
            user_pool_id=self._pool.id,
            domain=self._args.get("domain_prefix") or self._pool.id.apply(_prefix),
            managed_login_version=2,
            opts=self._child,
        )


def _prefix(pool_id: str) -> str:
    """One that no other pool of the region has; hexadecimal digits make no word of AWS's."""
    return f"sign-in-{hashlib.sha256(pool_id.encode()).hexdigest()[:20]}"
