"""Places for objects, a folder and real servers: what they keep, and what they say when they cannot."""

import asyncio
import gc
import os
import random
import re
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.archive.places import Place, StoredObject, check, open_place
from collector.config import ArchiveSettings
from collector.domain.errors import ArchiveError, ObjectMissing, PlaceRefused, PlaceUnavailable
from tests.support.fault_proxy import FaultProxy
from tests.support.fixtures_object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket
from tests.support.waiting import until

PATH = "option_bars_5min/v1/symbol=SPY/2026-11-25.parquet"
LARGE = 20_000_000
"""More than goes in one part, bytes."""


@pytest.fixture(params=["folder", "S3", "Google", "Azure"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Open a place of each kind, empty."""
    if request.param == "folder":
        (tmp_path / "archive").mkdir()
        return open_place(ArchiveSettings(place=str(tmp_path / "archive")))
    if request.param == "Azure":
        return open_place(request.getfixturevalue("azure"))
    bucket: Bucket = request.getfixturevalue("bucket")
    return open_place(bucket.settings() if request.param == "S3" else bucket.google())


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    """Give a way to write a file to be put."""

    def write(content: bytes) -> Path:
        file = tmp_path / "written"
        file.write_bytes(content)
        return file

    return write


async def fetched(place: Place, path: str, folder: Path) -> bytes:
    """Return what an object holds."""
    await place.fetch(path, folder / "fetched")
    return (folder / "fetched").read_bytes()


def names(folder: Path) -> set[str]:
    """Return what lies in a folder."""
    return {one.name for one in folder.iterdir()}


@pytest.mark.parametrize("size", [0, 1, LARGE])
async def test_what_is_put_is_fetched(
    place: Place, written: Callable[[bytes], Path], tmp_path: Path, size: int
) -> None:
    """A file comes back byte by byte, small or in parts; a second one takes its place; the file itself stays."""
    old, new = os.urandom(size), os.urandom(size)
    await place.put(PATH, written(old))
    assert await fetched(place, PATH, tmp_path) == old
    await place.put(PATH, written(new))
    assert await fetched(place, PATH, tmp_path) == new
    assert await place.objects() == (StoredObject(PATH, size),)
    assert (tmp_path / "written").read_bytes() == new


async def test_names(place: Place, written: Callable[[bytes], Path], tmp_path: Path) -> None:
    """Blanks, letters of any alphabet and percent signs are names; objects are listed by name, by any beginning."""
    paths = ("a/symbol=BRK B/1", "a/symbol=BRK.B/1", "a/symbol=É/100%25", "ab/2", "c")
    for path in reversed(paths):
        await place.put(path, written(path.encode()))
    assert tuple(one.path for one in await place.objects()) == paths
    assert [one.path for one in await place.objects("a")] == list(paths[:4])
    assert [one.path for one in await place.objects("a/symbol=BRK")] == list(paths[:2])
    assert await place.objects("nothing/here") == ()
    for path in paths:
        assert await fetched(place, path, tmp_path) == path.encode()


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../outside", "a/../b", "a/./b", "a//b", "a/", ".hidden", "a\\b", "a\nb", "a\x00b"]
)
async def test_names_that_lead_elsewhere_are_refused(
    place: Place, written: Callable[[bytes], Path], tmp_path: Path, path: str
) -> None:
    """No name leaves the place, whatever is done with it."""
    file = written(b"content")
    for act in (place.put(path, file), place.fetch(path, file), place.remove(path)):
        with pytest.raises(ValueError, match="is no name of an object"):
            await act
    assert file.read_bytes() == b"content"
    assert await place.objects() == ()


async def test_what_is_missing(place: Place, written: Callable[[bytes], Path], tmp_path: Path) -> None:
    """Fetching it is a named error, which leaves what the file held; removing it is done already."""
    file = written(b"earlier")
    with pytest.raises(ObjectMissing, match=rf"has no {re.escape(PATH)}") as no:
        await place.fetch(PATH, file)
    assert (no.value.place, no.value.path) == (place.name, PATH)
    assert file.read_bytes() == b"earlier"
    assert names(tmp_path) <= {"archive", "written"}
    await place.remove(PATH)
    await place.put(PATH, file)
    await place.remove(PATH)
    await place.remove(PATH)
    assert await place.objects() == ()


async def test_a_place_proves_that_it_works(place: Place) -> None:
    """What is written for the proof is gone afterwards."""
    await check(place)
    assert await place.objects() == ()


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen as a store that gives one answer to everything; yield port and the heads of requests."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with_body = await reader.readuntil(b"\r\n\r\n")
        heads.append(with_body)
        length = re.search(rb"content-length: (\d+)", with_body, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        await server.wait_closed()


def answer(status: str, code: str) -> bytes:
    """Return an error as S3 sends one; it repeats what it was sent, as the real one does with wrong signatures."""
    body = (
        f"<Error><Code>{code}</Code><Message>no</Message><AWSAccessKeyId>{ACCESS_KEY_ID}</AWSAccessKeyId>"
        f"<StringToSign>{SECRET_ACCESS_KEY}</StringToSign></Error>"
    ).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


REFUSALS = [
    ("403 Forbidden", "AccessDenied", PlaceRefused, "refuses the credentials, or what they ask for (403 AccessDenied)"),
    ("403 Forbidden", "SignatureDoesNotMatch", PlaceRefused, "(403 SignatureDoesNotMatch)"),
    ("401 Unauthorized", "ExpiredToken", PlaceRefused, "(401 ExpiredToken)"),
    ("403 Forbidden", "RequestTimeTooSkewed", PlaceRefused, "its clock is wrong"),
    ("404 Not Found", "NoSuchBucket", PlaceRefused, "there is no such bucket"),
    ("301 Moved Permanently", "PermanentRedirect", PlaceRefused, "is in another region"),
    ("400 Bad Request", "AuthorizationHeaderMalformed", PlaceRefused, "is in another region"),
    ("400 Bad Request", "InvalidRequest", PlaceRefused, "refuses the request (400 InvalidRequest)"),
    ("503 Service Unavailable", "SlowDown", PlaceUnavailable, "answers 503 SlowDown"),
    ("500 Internal Server Error", "InternalError", PlaceUnavailable, "answers 500 InternalError"),
    ("429 Too Many Requests", "TooManyRequests", PlaceUnavailable, "answers 429 TooManyRequests"),
]


@pytest.mark.parametrize(("status", "code", "error", "words"), REFUSALS, ids=[code for _, code, _, _ in REFUSALS])
async def test_refusals_are_named_and_hold_no_secret(
    bucket: Bucket,
    written: Callable[[bytes], Path],
    status: str,
    code: str,
    error: type[ArchiveError],
    words: str,
) -> None:
    """Each answer is one named error with what to do; a key is in no message, hint, chain or traceback."""
    async with answering(answer(status, code)) as (port, heads):
        place = open_place(bucket.settings(port=port, attempts=2))
        file = written(b"content")
        for act in (place.put(PATH, file), place.fetch(PATH, file), place.remove(PATH), place.objects()):
            with pytest.raises(error) as no:
                await act
            assert words in no.value.message
            assert no.value.message.startswith((f"{bucket.url} ", f"{bucket.url}: "))
            assert no.value.hint
            assert (no.value.__cause__, no.value.__context__) == (None, None)
            told = "".join(traceback.format_exception(no.value)) + no.value.hint + repr(place) + repr(vars(place))
            assert SECRET_ACCESS_KEY not in told
            assert ACCESS_KEY_ID not in told
    assert len(heads) in {4, 8, 3 + 2, 4 + 2}  # what is refused is not repeated; what fails is, once
    assert all(SECRET_ACCESS_KEY.encode() not in head for head in heads)
    assert all(ACCESS_KEY_ID.encode() in head for head in heads)


async def test_keys_of_ours_stand_alone(
    bucket: Bucket, written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session's token and keys in the environment do not join those of the configuration."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-others")
    async with answering(answer("403 Forbidden", "AccessDenied")) as (port, heads):
        with pytest.raises(PlaceRefused):
            await open_place(bucket.settings(port=port)).put(PATH, written(b"content"))
    assert ACCESS_KEY_ID.encode() in heads[0]
    assert b"token-of-others" not in heads[0]
    assert b"AKIAOTHER" not in heads[0]


async def test_standard_variables_stand_in(
    bucket: Bucket, written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without keys in the configuration those of AWS_… are used, their token with them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-others")
    async with answering(answer("403 Forbidden", "AccessDenied")) as (port, heads):
        settings = ArchiveSettings.model_validate({"place": bucket.url, "s3": {"endpoint": f"http://127.0.0.1:{port}"}})
        with pytest.raises(PlaceRefused):
            await open_place(settings).put(PATH, written(b"content"))
    assert b"AKIAOTHER" in heads[0]
    assert b"token-of-others" in heads[0]


async def test_without_any_credentials(
    bucket: Bucket, written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no key, no variable and no role of the machine is, the error says so."""
    async with answering(answer("404 Not Found", "NoRole")) as (port, heads):
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{port}/169.254.169.254")
        settings = ArchiveSettings.model_validate(
            {"place": bucket.url, "attempts": 1, "s3": {"endpoint": f"http://127.0.0.1:{bucket.port}"}}
        )
        with pytest.raises(PlaceRefused, match=f"there are no credentials for {bucket.url}") as no:
            await open_place(settings).put(PATH, written(b"content"))
    assert "secrets.yaml" in no.value.hint
    assert len(heads) >= 1


def page(key: str, following: str = "") -> bytes:
    """Return a page of S3's listing with one object; the next one is asked for by what is given."""
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    body = (
        f"<ListBucketResult><Name>bars</Name>{more if following else '<IsTruncated>false</IsTruncated>'}"
        f"<Contents><Key>{key}</Key><Size>0</Size><LastModified>2026-11-20T00:00:00.000Z</LastModified></Contents>"
        "</ListBucketResult>"
    ).encode()
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


async def listed(answered: bytes) -> tuple[StoredObject, ...]:
    """Return what a place lists whose store gives one answer to everything."""
    async with answering(answered) as (port, _), asyncio.timeout(20):
        keys = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY, "region": "us-east-1"}
        settings = ArchiveSettings.model_validate(
            {"place": "s3://bars/a", "s3": {"endpoint": f"http://127.0.0.1:{port}", **keys}}
        )
        return await open_place(settings).objects()


async def test_a_listing_without_end_is_given_up() -> None:
    """A store that answers each page with the first one is named; it is not asked for ever."""
    with pytest.raises(PlaceUnavailable, match=f"s3://bars/a lists {PATH} twice"):
        await listed(page(f"a/{PATH}", "again"))


async def test_a_consoles_folder_is_no_object() -> None:
    """The empty object by which consoles show a prefix as a folder is not listed."""
    assert await listed(page("a/")) == ()
    assert await listed(page("a/b")) == (StoredObject("b", 0),)


async def test_a_store_that_cannot_be_reached(bucket: Bucket, written: Callable[[bytes], Path]) -> None:
    """Where nobody listens the error says so, after a bounded number of attempts."""
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        await proxy.refuse()
        place = open_place(bucket.settings(port=proxy.port, attempts=2))
        with pytest.raises(PlaceUnavailable, match="cannot be reached"):
            await place.put(PATH, written(b"content"))
        with pytest.raises(PlaceUnavailable, match="cannot be reached"):
            await place.objects()


@pytest.mark.parametrize("size", [400_000, LARGE])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
async def test_a_line_that_breaks_in_mid_put_leaves_the_old_object(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path, size: int, share: float
) -> None:
    """Cut without a second attempt, the object is what it was, whole; put again, it is the new one."""
    old, new = os.urandom(1000), os.urandom(size)
    direct = open_place(bucket.settings())
    await direct.put(PATH, written(old))
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        place = open_place(bucket.settings(port=proxy.port, attempts=1))
        proxy.drop_after(up=int(size * share))
        with pytest.raises(PlaceUnavailable, match="broke off"):
            await place.put(PATH, written(new))
        assert await fetched(direct, PATH, tmp_path) == old
        await place.put(PATH, written(new))
    assert await fetched(direct, PATH, tmp_path) == new


async def test_a_line_that_breaks_once_is_tried_again(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """With attempts left, a put and a fetch that are cut on their way end well all the same."""
    content = os.urandom(LARGE)
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        place = open_place(bucket.settings(port=proxy.port))
        proxy.drop_after(up=LARGE // 2)
        await place.put(PATH, written(content))
        proxy.drop_after(down=LARGE // 2)
        assert await fetched(place, PATH, tmp_path) == content
        assert proxy.accepted > 1


async def test_a_fetch_that_breaks_off_leaves_what_the_file_held(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """Half an object is never taken for one, and no draft of it stays."""
    await open_place(bucket.settings()).put(PATH, written(os.urandom(LARGE)))
    target = tmp_path / "cache" / "one"
    target.parent.mkdir()
    target.write_bytes(b"earlier")
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        place = open_place(bucket.settings(port=proxy.port, attempts=1))
        proxy.drop_after(down=LARGE // 2)
        with pytest.raises(PlaceUnavailable):
            await place.fetch(PATH, target)
    assert {one.name: one.read_bytes() for one in target.parent.iterdir()} == {"one": b"earlier"}


async def test_a_store_that_says_nothing_is_given_up(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """Silence ends after timeout_s for each attempt, and the object is what it was."""
    direct = open_place(bucket.settings())
    await direct.put(PATH, written(b"old"))
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        proxy.stall()
        place = open_place(bucket.settings(port=proxy.port, attempts=1, timeout_s=1))
        with pytest.raises(PlaceUnavailable, match="did not answer in time"):
            await place.put(PATH, written(b"new"))
    assert await fetched(direct, PATH, tmp_path) == b"old"


async def test_a_put_that_is_cancelled_leaves_the_old_object(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """A run that is stopped in mid-put leaves what was there, whole."""
    direct = open_place(bucket.settings())
    await direct.put(PATH, written(b"old"))
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        proxy.delay(0.05)
        work = asyncio.ensure_future(open_place(bucket.settings(port=proxy.port)).put(PATH, written(os.urandom(LARGE))))
        await until(lambda: proxy.sent_up > LARGE // 4, "a quarter is sent")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        gc.collect()
    assert await fetched(direct, PATH, tmp_path) == b"old"


async def test_a_bucket_that_is_not_there(bucket: Bucket, written: Callable[[bytes], Path]) -> None:
    """It is told from an object that is missing, whatever is done."""
    place = open_place(bucket.settings(place="s3://no-such-bucket/archive"))
    file = written(os.urandom(LARGE))
    for act in (place.put(PATH, file), place.fetch(PATH, file), place.remove(PATH), place.objects(), check(place)):
        with pytest.raises(PlaceRefused, match="there is no such bucket"):
            await act


async def test_a_slow_line_is_no_silence(bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path) -> None:
    """What takes much longer than timeout_s as a whole goes and comes all the same, part by part."""
    content = os.urandom(LARGE)
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        place = open_place(bucket.settings(port=proxy.port, attempts=3, timeout_s=6))
        proxy.delay(0.03)
        await place.put(PATH, written(content))
        began = asyncio.get_running_loop().time()
        assert await fetched(place, PATH, tmp_path) == content
        assert asyncio.get_running_loop().time() - began > 6


async def test_an_object_that_changes_while_it_is_read(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """Halves of two objects are never put together."""
    direct = open_place(bucket.settings())
    await direct.put(PATH, written(os.urandom(LARGE)))
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        work = asyncio.ensure_future(fetched(open_place(bucket.settings(port=proxy.port)), PATH, tmp_path))
        await until(lambda: proxy.sent_down > LARGE // 4, "a quarter has come")
        proxy.stall()
        await direct.put(PATH, written(os.urandom(LARGE)))
        proxy.resume()
        with pytest.raises(PlaceUnavailable, match="has another object than a moment ago"):
            await work
    assert "fetched" not in names(tmp_path)


@pytest.mark.parametrize("seed", range(12))
async def test_old_or_new_wherever_a_line_breaks(
    bucket: Bucket, written: Callable[[bytes], Path], tmp_path: Path, seed: int
) -> None:
    """Cut at any byte, by reset or an orderly end, the object is whole, and new where the put ended well."""
    drawn = random.Random(seed)
    direct, old = open_place(bucket.settings()), drawn.randbytes(1000)
    await direct.put(PATH, written(old))
    possible = {old}
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        for _ in range(4):
            new = drawn.randbytes(drawn.choice([1000, 400_000, 12_000_000]))
            place = open_place(bucket.settings(port=proxy.port, attempts=drawn.choice([1, 2])))
            where = drawn.choice(["up", "down"])
            limit = drawn.randrange(1, len(new) + 2000 if where == "up" else 1500)
            proxy.drop_after(**{where: limit}, abort=drawn.random() < 0.5)
            try:
                await place.put(PATH, written(new))
            except PlaceUnavailable:
                possible.add(new)  # its answer may be all that was lost
            else:
                possible = {new}
            assert await fetched(direct, PATH, tmp_path) in possible
