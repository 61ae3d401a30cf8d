"""Named errors for what stores of objects answer."""

import re

from collector.domain.errors import ArchiveError, PlaceRefused, PlaceUnavailable

_PAGE = "see docs/archive-places.md"
_STATUS = r"status(?: code)?: "
_CODE = re.compile(r"<Code>([A-Za-z]{3,60})</Code>|\"reason\": ?\"([A-Za-z]{3,60})\"")

NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|(?:bucket|container) does not exist")
"""What an answer says when not an object, but all of them are missing."""

_RULES: tuple[tuple[re.Pattern[str], type[ArchiveError], str, str], ...] = (
    (  # addresses at which machines in clouds ask for credentials, the last resort of those that have none
        re.compile(r"169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|fd00:ec2"),
        PlaceRefused,
        "there are no credentials for {name}",
        f"set them below `archive:` in secrets.yaml or the environment, or give the machine a role; {_PAGE}",
    ),
    (NO_BUCKET, PlaceRefused, "{name}: there is no such bucket or container", f"create it, or mend the URL; {_PAGE}"),
    (
        re.compile("RequestTimeTooSkewed"),
        PlaceRefused,
        "{name} refuses what this machine sends: its clock is wrong",
        "set the clock, by NTP for instance",
    ),
    (
        re.compile(
            rf"PermanentRedirect|BareRedirect|AuthorizationHeaderMalformed|IncorrectEndpoint|IllegalLocation|{_STATUS}30[1278]"
        ),
        PlaceRefused,
        "{name} is in another region, or at another endpoint ({answer})",
        "set archive.s3.region, or archive.s3.endpoint",
    ),
    (
        re.compile("BadScheme"),
        PlaceRefused,
        "{name}: an endpoint that begins with http:// came from the environment",
        "use https://, or set the endpoint and allow_http below `archive:`",
    ),
    (
        re.compile(rf"{_STATUS}(?:5\d\d|408|429)"),
        PlaceUnavailable,
        "{name} answers {answer}",
        "it is tried again later; the provider's status page may say more",
    ),
    (
        re.compile(rf"{_STATUS}40[13]|Unauthenticated|PermissionDenied"),
        PlaceRefused,
        "{name} refuses the credentials, or what they ask for ({answer})",
        f"check the keys, and let them list, read, write and delete below the prefix; {_PAGE}",
    ),
    (re.compile(rf"{_STATUS}\d"), PlaceRefused, "{name} refuses the request ({answer})", _PAGE),
    (
        re.compile("certificate|UnknownIssuer"),
        PlaceRefused,
        "the certificate of {name} is not to be trusted",
        "check the endpoint, and the certificate authorities of this machine",
    ),
    (
        re.compile("kind: Timeout|TimedOut|timed out"),
        PlaceUnavailable,
        "{name} did not answer in time",
        "it is tried again later; archive.timeout_s gives a slow line longer",
    ),
    (re.compile("Credential"), PlaceRefused, "the credentials for {name} cannot be used", _PAGE),
)


def named(place: str, said: str) -> ArchiveError:
    """Return the error for a failure: what it is, and what to do about it.

    Args:
        place: the name of the place.
        said: what the library says of the failure. It may hold a signed address, so that nothing of it is repeated but
            the status and the store's one-word code.
    """
    status = re.search(rf"{_STATUS}(\d{{3}})", said)
    code = next(filter(None, found.groups()), "") if (found := _CODE.search(said)) else ""
    answer = f"{status[1] if status else ''} {code}".strip() or "no code"
    for pattern, error, message, hint in _RULES:
        if pattern.search(said):
            return error(message.format(name=place, answer=answer), hint)
    return PlaceUnavailable(
        f"{place} cannot be reached, or the line to it broke off",
        "check the network and the endpoint; it is tried again later",
    )
