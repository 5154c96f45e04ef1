"""An error says whether the service is down or the question was wrong."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError
from pynamodb.exceptions import GetError, TransactWriteError

from chalicelib.adapters.outage import is_outage


def refused(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetItem")


@pytest.mark.parametrize(
    "error",
    [
        refused("InternalServerError", 500),
        refused("SlowDown", 503),
        refused("ProvisionedThroughputExceededException", 400),
        EndpointConnectionError(endpoint_url="http://gone"),
        ReadTimeoutError(endpoint_url="http://slow"),
        GetError("no", refused("InternalServerError", 500)),
        TransactWriteError("no", EndpointConnectionError(endpoint_url="http://gone")),
    ],
)
def test_what_does_not_answer_is_down(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        refused("ValidationException", 400),
        refused("AccessDeniedException", 400),
        refused("ResourceNotFoundException", 400),
        GetError("no", refused("ValidationException", 400)),
        TransactWriteError("no"),
        ParamValidationError(report=""),
        KeyError("guid"),
    ],
)
def test_what_was_asked_wrongly_is_a_defect(error: Exception) -> None:
    assert not is_outage(error)
