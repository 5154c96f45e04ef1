"""Which errors of AWS mean that a service does not answer just now, and not that it was asked for something wrong."""

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

#: What services say when they are asked too much, beside their 5xx.
THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


def is_outage(error: BaseException | None) -> bool:
    """Whether the same call may succeed later. error: of botocore, or of pynamodb, which keeps botocore's as its cause
    and, without the status, in between.
    """
    while error is not None:
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status >= 500 or error.response.get("Error", {}).get("Code") in THROTTLED:
                return True
        if isinstance(error, ConnectionError | HTTPClientError):
            return True
        error = getattr(error, "cause", None) or error.__cause__
    return False
