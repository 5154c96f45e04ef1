"""What is served while the place of the certificates changes."""

import logging

import pytest

from chalicelib.adapters.certificates import Entry, StoreError
from router.tls import Certificates
from router.tls_certificates import Serving
from tests.support.certificates import NOW, bundle, certificate_pem, key_pem, new_key


class Place:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] | None = {}

    def read(self) -> dict[str, Entry]:
        if self.entries is None:
            raise StoreError("ssm:/zf/tls: ThrottlingException")
        return dict(self.entries)


class Served:
    def __init__(self) -> None:
        self.place, self.published, self.now = Place(), list[Serving](), NOW.timestamp()
        self.certificates = Certificates(self.place, "x.example", self.published.append, lambda: self.now)

    async def look(self, **pems: bytes) -> None:
        self.place.entries = {name: Entry(pem) for name, pem in pems.items()}
        await self.certificates.look()

    def hosts(self) -> set[str]:
        return {host for of in self.published[-1].hosts.values() for host in of}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    caplog.clear()
    return said


async def _story(caplog: pytest.LogCaptureFixture) -> None:
    served, first, other = Served(), bundle("*.x.example"), bundle("shop.example")
    await served.look()
    await served.look()
    assert served.published == []
    assert lines(caplog) == ["there is no certificate where they are looked for"]

    await served.look(a=first)
    await served.look(a=first)
    assert len(served.published) == 1, "nothing new, nothing said"
    await served.look(a=first, b=other)
    assert served.hosts() == {"*.x.example", "shop.example"}

    # The mismatch of a renewal that is half done.
    for _ in range(3):
        await served.look(a=certificate_pem(new_key(), "*.x.example") + key_pem(new_key()), b=other)
    assert len(served.published) == 2
    (line,) = lines(caplog)
    assert line.startswith("certificate a is not taken: the private key is not the certificate's")
    assert line.endswith("; the one before it is kept")
    assert served.certificates.numbers()["certificate_complaints"] == 1

    renewed = bundle("*.x.example", ends_days=30)
    await served.look(a=renewed, b=other)
    assert served.published[-1].certificates["a"].not_after == served.now + 30 * 86400
    assert served.certificates.numbers() == {
        "certificates": 2,
        "certificate_complaints": 0,
        "certificate_left_s": 30 * 86400,
    }

    served.place.entries = None
    await served.certificates.look()
    assert lines(caplog) == ["certificates cannot be read: ssm:/zf/tls: ThrottlingException"]
    assert len(served.published) == 3

    await served.look(a=renewed)
    assert served.hosts() == {"*.x.example"}, "what was taken out is served no more"
    await served.look()
    await served.look(c=b"nonsense")
    assert len(served.published) == 4
    assert served.hosts() == {"*.x.example"}, "but for the last one"

    caplog.clear()
    served.now += 17 * 86400
    await served.look(a=renewed)
    await served.look(a=renewed)
    assert lines(caplog) == ["certificate a ends in 13 days"]
    served.now += 20 * 86400
    await served.look(a=renewed)
    assert served.hosts() == {"*.x.example"}, "an end while it is served takes nothing away"


def test_the_last_good_certificates_are_served_and_each_complaint_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import asyncio

    asyncio.run(_story(caplog))
