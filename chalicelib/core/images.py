"""Names of Docker images, as ``docker pull`` reads them. Pure."""

#: Where images come from whose name begins with no registry.
DOCKER_HUB = "registry-1.docker.io"


def registry(name: str) -> str:
    """Host, and port if one is named, of the registry that has the image."""
    first, slash, _ = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        return DOCKER_HUB
    return DOCKER_HUB if first in ("docker.io", "index.docker.io") else first


def divided(name: str) -> tuple[str, str]:
    """Repository, and the tag or digest that is meant: ``latest`` when nothing is said."""
    repository, at, digest = name.partition("@")
    head, colon, tag = repository.rpartition(":")
    tagged = bool(colon) and "/" not in tag
    return (head if tagged else repository), (digest if at else tag if tagged else "latest")


def pinned(name: str, digest: str) -> str:
    """The same image by its digest (``sha256:<hex>``), whatever becomes of its tag."""
    return f"{divided(name)[0]}@{digest}"
