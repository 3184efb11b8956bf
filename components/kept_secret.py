"""A random secret of a stack, made once and kept in the stack's state."""

import secrets

import pulumi

BYTES = 32  # as many as SHA-256 gives, which is what an HMAC's key should have (RFC 2104)


def kept_secret(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """BYTES random bytes in hexadecimal: made by the first deployment, the same in every later one.

    The keeper is Pulumi's built-in Stash, so that no other provider and no AWS resource is
    needed: https://www.pulumi.com/docs/iac/concepts/stash/. The state holds the value encrypted.
    Replacing the stash (`pulumi up --replace <its URN>`) makes another.
    """
    kept = pulumi.Stash(
        name,
        # Every run offers a fresh value; to ignore it keeps a run without changes without any.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["input"])),
        input=pulumi.Output.secret(secrets.token_hex(BYTES)),
    )
    return pulumi.Output.secret(kept.output)
