"""Thanks for each order that is confirmed."""

import json


def handler(batch: dict, context: object) -> dict:
    """Answers for each event: what failed is delivered again, the rest is done."""
    failed = []
    for record in batch["Records"]:
        try:
            _consume(json.loads(record["body"])["detail"])
        except Exception as error:
            # The message's id only: an event may hold personal data.
            print(f"message {record['messageId']}: {type(error).__name__}")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _consume(event: dict) -> None:
    # Your own work comes here. An event may come twice, or after a later one of its order: let
    # whatever is done be known by `eventId` (the key of a conditional write, or the idempotency
    # key of the service that sends the mail), so that it is done once.
    print(f"thanks for order {event['orderId']}, event {event['eventId']}")
