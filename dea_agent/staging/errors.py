"""How a build fails: with one of the contract's error ids and words for the app's owner."""


class StagingFailed(Exception):
    """``error_id`` is one of ``contracts.staging.StagingFinished``; the text becomes its ``error_detail``."""

    def __init__(self, error_id: str, detail: str) -> None:
        super().__init__(detail)
        self.error_id = error_id
