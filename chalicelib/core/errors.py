"""Everything that can be said "no" with, in Cloud Foundry's own numbers and titles.

PaasError
├── NotAuthenticated 10002/401, InvalidToken 1000/401, NotAuthorized 10003/403, OrgSuspended 10017/403
├── NotFound 10010/404 ("App not found"), UnknownRequest 10000/404
├── ParseError 1001/400, BadQuery 10005/400, BadRequest 1004/400
├── Unprocessable 10008/422 (several details make several errors), AppNameTaken 10016/422
├── FeatureDisabled 330002/403
├── Conflict 10016/409: somebody else changed the same thing; the caller may try again
├── BrokerError 10001/502, OperationInProgress 60016/409, NoParameters 120004/400, AlreadyBoundToRoute 130008/422
├── LengthRequired, TooLarge 413, TooManyRequests 10013/429, Unavailable 10015/503
└── UaaError: the token endpoint's own shape, not the v3 one

Clients switch on the wording of ``detail``, so the texts are part of the interface (docs/api-coverage.md).
"""


class PaasError(Exception):
    """code, title: Cloud Foundry's. status: HTTP. details: one sentence for people each, at least one."""

    code = 10001
    title = "UnknownError"
    status = 500

    def __init__(self, *details: str) -> None:
        super().__init__("; ".join(details))
        self.details = details or (self.title,)

    def body(self) -> dict[str, object]:
        """The v3 error document."""
        return {
            "errors": [{"code": self.code, "title": f"CF-{self.title}", "detail": detail} for detail in self.details]
        }


class NotAuthenticated(PaasError):
    code, title, status = 10002, "NotAuthenticated", 401

    def __init__(self) -> None:
        super().__init__("Authentication error")


class InvalidToken(PaasError):
    code, title, status = 1000, "InvalidAuthToken", 401

    def __init__(self) -> None:
        super().__init__("Invalid Auth Token")


class NotAuthorized(PaasError):
    code, title, status = 10003, "NotAuthorized", 403

    def __init__(self, detail: str = "You are not authorized to perform the requested action") -> None:
        super().__init__(detail)


class OrgSuspended(PaasError):
    """To whoever may do it otherwise: in a suspended organization only administrators change anything."""

    code, title, status = 10017, "OrgSuspended", 403

    def __init__(self) -> None:
        super().__init__("The organization is suspended")


class NotFound(PaasError):
    """``NotFound("App")`` says "App not found": also for what the caller may not see."""

    code, title, status = 10010, "ResourceNotFound", 404

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not found")


class UnknownRequest(PaasError):
    code, title, status = 10000, "NotFound", 404

    def __init__(self) -> None:
        super().__init__("Unknown request")


class ParseError(PaasError):
    code, title, status = 1001, "MessageParseError", 400

    def __init__(self, reason: str = "invalid request body") -> None:
        super().__init__(f"Request invalid due to parse error: {reason}")


class BadQuery(PaasError):
    code, title, status = 10005, "BadQueryParameter", 400

    def __init__(self, detail: str) -> None:
        super().__init__(f"The query parameter is invalid: {detail}")


class BadRequest(PaasError):
    code, title, status = 1004, "BadRequest", 400


class Unprocessable(PaasError):
    code, title, status = 10008, "UnprocessableEntity", 422


class NameTaken(Unprocessable):
    """A name, or a route, that must be unique is not."""


class AppNameTaken(NameTaken):
    """Of a new app; a rename says the same as a NameTaken."""

    code, title = 10016, "UniquenessError"


class FeatureDisabled(PaasError):
    """``detail``: the flag's name, or what its administrator says instead."""

    code, title, status = 330002, "FeatureDisabled", 403

    def __init__(self, detail: str) -> None:
        super().__init__(f"Feature Disabled: {detail}")


class Conflict(PaasError):
    code, title, status = 10016, "Conflict", 409

    def __init__(self, detail: str = "The resource was changed by somebody else; try again") -> None:
        super().__init__(detail)


class BitsAlreadyUploaded(PaasError):
    code, title, status = 150004, "PackageBitsAlreadyUploaded", 400

    def __init__(self) -> None:
        super().__init__("Bits may be uploaded only once. Create a new package to upload different bits.")


class BuildpackRefused(PaasError):
    """Of the job that looks at a buildpack's bits; clients switch on the code."""

    status = 422

    def __init__(self, code: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.title = code, title


class StagingInProgress(PaasError):
    code, title, status = 170017, "StagingInProgress", 422

    def __init__(self) -> None:
        super().__init__("Only one build can be STAGING at a time per application.")


class BrokerError(PaasError):
    """A service broker refused, failed, or was not understood. The title is what clients may tell by."""

    code, title, status = 10001, "ServiceBrokerBadResponse", 502

    def __init__(self, detail: str, title: str = title, code: int = code) -> None:
        super().__init__(detail)
        self.title, self.code = title, code


class OperationInProgress(PaasError):
    """Of a service instance or a binding; one at a time."""

    code, title, status = 60016, "AsyncServiceInstanceOperationInProgress", 409

    def __init__(self, detail: str, is_binding: bool = False) -> None:
        super().__init__(detail)
        if is_binding:
            self.code, self.title = 90008, "AsyncServiceBindingOperationInProgress"


class NoParameters(PaasError):
    """``what``: ``service instance`` or ``service binding``. Clients know the sentence."""

    code, title, status = 120004, "ServiceFetchInstanceParametersNotSupported", 400

    def __init__(self, what: str) -> None:
        super().__init__(f"This service does not support fetching {what} parameters.")
        if what != "service instance":
            self.code, self.title = 120005, "ServiceFetchBindingParametersNotSupported"


class AlreadyBoundToRoute(PaasError):
    code, title, status = 130008, "ServiceInstanceAlreadyBoundToSameRoute", 422

    def __init__(self) -> None:
        super().__init__("The route and service instance are already bound.")


class LengthRequired(PaasError):
    code, title, status = 1004, "BadRequest", 411

    def __init__(self) -> None:
        super().__init__("The upload must say its Content-Length")


class TooLarge(PaasError):
    code, title, status = 10008, "UnprocessableEntity", 413


class TooManyRequests(PaasError):
    code, title, status = 10013, "RateLimitExceeded", 429


class Unavailable(PaasError):
    code, title, status = 10015, "ServiceUnavailable", 503


class UaaError(PaasError):
    """What the token endpoint answers: ``{"error": ..., "error_description": ...}``."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error = status, error

    def body(self) -> dict[str, object]:
        return {"error": self.error, "error_description": self.details[0]}
