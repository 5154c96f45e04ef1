"""How a build fails: with one of the contract's error ids and words for the app's owner."""

#: Characters that CC keeps of a detail. What a hostile build makes longer would not even fit on the bus.
MAX_DETAIL = 2000


class StagingFailed(Exception):
    """``error_id`` is one of ``contracts.staging.StagingFinished``; the text, cut, becomes its ``error_detail``."""

    def __init__(self, error_id: str, detail: str) -> None:
        super().__init__(detail[:MAX_DETAIL])
        self.error_id = error_id
