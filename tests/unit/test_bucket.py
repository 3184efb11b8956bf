"""A bucket in a program that is not ours: who gets in, what is kept, who hears of it."""

from typing import Any

import pulumi
import pytest

from components import Bucket
from tests.recorder import Recording, deploy
from tests.unit import stacks


def of_bucket(**args: Any) -> Recording:
    inputs: Any = args
    return deploy(lambda: Bucket("files", inputs))


def part(recorded: Recording, kind: str) -> dict[str, Any]:
    """The inputs of the resource that sets one part of the bucket."""
    made = recorded.one(f"aws:s3/bucket{kind}:Bucket{kind}").inputs
    assert made.pop("bucket") == recorded.one(stacks.BUCKET).outputs["bucket"]
    return made


def test_nobody_outside_gets_in_and_nobody_without_tls() -> None:
    recorded = of_bucket()
    arn = recorded.one(stacks.BUCKET).outputs["arn"]
    assert part(recorded, "PublicAccessBlock") == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    assert part(recorded, "OwnershipControls") == {
        "rule": {"objectOwnership": "BucketOwnerEnforced"}
    }
    assert stacks.document(part(recorded, "Policy")["policy"])["Statement"] == [
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_objects_are_encrypted_and_keep_their_versions() -> None:
    recorded = of_bucket()
    assert part(recorded, "ServerSideEncryptionConfiguration") == {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    }
    assert part(recorded, "Versioning") == {"versioningConfiguration": {"status": "Enabled"}}


def test_old_versions_and_abandoned_uploads_go_and_objects_stay() -> None:
    rules = part(of_bucket(noncurrent_days=7.0), "LifecycleConfiguration")["rules"]
    assert rules == [
        {
            "id": "old-versions",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "noncurrentVersionExpiration": {"noncurrentDays": 7},
            "expiration": {"expiredObjectDeleteMarker": True},
        },
        {
            "id": "abandoned-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
        },
    ]


def test_objects_are_deleted_by_their_age_where_that_is_asked_for() -> None:
    recorded = of_bucket(expiries=[{"prefix": "incoming/", "days": 30.0}, {"days": 90}])
    _, _, *expiries = part(recorded, "LifecycleConfiguration")["rules"]
    assert [(each["filter"]["prefix"], each["expiration"]) for each in expiries] == [
        ("incoming/", {"days": 30}),
        ("", {"days": 90}),
    ]
    assert len({each["id"] for each in expiries}) == 2


def test_eventbridge_hears_of_objects_only_where_that_is_asked_for() -> None:
    assert of_bucket().of("aws:s3/bucketNotification:BucketNotification") == []
    assert part(of_bucket(notifications=True), "Notification") == {"eventbridge": True}


@pytest.mark.parametrize("protected", [True, False])
def test_it_is_protected_as_a_table_is(protected: bool) -> None:
    recorded = of_bucket(protect=protected, deletion_protection=protected)
    bucket = recorded.one(stacks.BUCKET)
    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (protected, not protected)


def test_it_shows_its_name_and_arn() -> None:
    def program() -> None:
        bucket = Bucket("files", {"bucket_name": "shop-files"})
        pulumi.export("shown", {"name": bucket.name, "arn": bucket.arn})

    assert deploy(program).outputs["shown"] == {
        "name": "shop-files",
        "arn": "arn:aws:s3:::shop-files",
    }


@pytest.mark.parametrize(
    "name", ["ab", "Files", "my_files", "-files", "files-", "a.b", "xn--a", "files--x-s3", "a" * 64]
)
def test_a_name_that_s3_refuses_is_refused(name: str) -> None:
    with pytest.raises(pulumi.RunError, match="bucket_name: expected 3 to 63 small letters"):
        of_bucket(bucket_name=name)


def test_an_expiry_is_checked_by_its_place() -> None:
    with pytest.raises(pulumi.RunError) as raised:
        of_bucket(expiries=[{"days": 1}, {"days": 0}, {"prefix": "a/"}], noncurrent_days=0)
    assert [line.strip().split(" not")[0] for line in str(raised.value).splitlines()[1:]] == [
        "expiries[1].days: expected a whole number from 1 to 36500,",
        "expiries[2].days: expected a whole number from 1 to 36500, but it is missing",
        "noncurrent_days: expected a whole number from 1 to 36500,",
    ]
