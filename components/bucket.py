"""Objects: one private S3 bucket."""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component
from .inputs import Default, Items, Text, Whole, checked

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[
    str,
    Text(
        r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3)$)"
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "3 to 63 small letters, digits and -, as S3 allows them",
    ),
]

# Days after which the parts of an upload that nobody ended are deleted.
ABANDONED_UPLOAD_DAYS = 7


class BucketExpiry(TypedDict):
    """When objects are deleted."""

    prefix: NotRequired[Annotated[str, Text(r".{1,1024}", "the beginning of objects' keys")]]
    """Beginning of the keys that it is about; every object by default."""
    days: Annotated[int, Whole(1, 36_500)]
    """Age of an object, in days, at which it is deleted."""


class BucketArgs(TypedDict):
    """Inputs of Bucket."""

    bucket_name: NotRequired[BucketName]
    """Physical name, the only one of its kind in all of AWS; generated when absent."""
    expiries: NotRequired[Annotated[list[BucketExpiry], Items(default=())]]
    """When objects are deleted; they stay by default."""
    noncurrent_days: NotRequired[Annotated[int, Whole(1, 36_500, default=30)]]
    """How long a version is kept, in days, that was replaced or deleted."""
    notifications: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether EventBridge hears of the objects, so that any number of rules can listen."""
    deletion_protection: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether S3 refuses to delete the bucket while it holds anything."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the bucket; by default as the option of the component."""


class Bucket(Component):
    """A private, versioned and encrypted bucket that takes TLS requests only."""

    name: pulumi.Output[str]
    """Name of the bucket."""
    arn: pulumi.Output[str]
    """ARN of the bucket."""

    def __init__(
        self, name: str, args: BucketArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(BucketArgs, args, f"Bucket {name}")
        super().__init__("serverless-orders:index:Bucket", name, {}, opts)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.get("bucket_name"),
            force_destroy=not args["deletion_protection"],
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect")),
        )
        child = pulumi.ResourceOptions(parent=self)
        blocked = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="AES256"
                        )
                    )
                )
            ],
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled"
            ),
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=_lifecycle(args),
            # S3 takes rules on versions of a bucket that has them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=iam.document([_deny_without_tls(bucket)]),
            # S3 refuses one while the other is under way.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[blocked]),
        )
        if args["notifications"]:
            aws.s3.BucketNotification(name, bucket=bucket.bucket, eventbridge=True, opts=child)
        self.name, self.arn = bucket.bucket, bucket.arn
        self.register()


def _deny_without_tls(bucket: aws.s3.Bucket) -> dict[str, Any]:
    """The bucket's operations have its ARN, those on objects one of its objects'."""
    statement = iam.deny_without_tls("s3:*", bucket.arn)
    return {**statement, "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]}


def _lifecycle(args: BucketArgs) -> Sequence[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    everything = aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
    old_versions = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="old-versions",
        status="Enabled",
        filter=everything,
        noncurrent_version_expiration=(
            aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=args["noncurrent_days"]
            )
        ),
        # What is left of an object when all of its versions are gone.
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
            expired_object_delete_marker=True
        ),
    )
    abandoned = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="abandoned-uploads",
        status="Enabled",
        filter=everything,
        abort_incomplete_multipart_upload=(
            aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=ABANDONED_UPLOAD_DAYS
            )
        ),
    )
    expiries = [
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id=f"expiry-{number}",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(
                prefix=expiry.get("prefix", "")
            ),
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=expiry["days"]),
        )
        for number, expiry in enumerate(args["expiries"])
    ]
    return [old_versions, abandoned, *expiries]
