"""What passes from pg_restore's script to a server, and what does not."""

import asyncio

import pytest

from collector.db.upkeep.restore import known_to_the_server

HEAD = b"""--
-- PostgreSQL database dump
--

\\restrict aBc

-- Dumped from database version 15.20
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET some_later_setting = on;

"""
ROWS = b"""CREATE TABLE public.notes (
    words text
);
COPY public.notes (words) FROM stdin;
SET transaction_timeout = 0;
\xff\x00
"""
KNOWN = frozenset({b"statement_timeout", b"client_encoding"})


async def _passed(script: bytes, limit: int = 2**20) -> bytes:
    reader = asyncio.StreamReader(limit=limit)
    reader.feed_data(script)
    reader.feed_eof()
    return b"".join([part async for part in known_to_the_server(reader, KNOWN)])


async def test_parameters_that_the_server_lacks_are_left_out_of_the_head() -> None:
    """Those of a newer pg_restore go; everything else of the head stays, psql's own commands too."""
    expected = HEAD.replace(b"SET transaction_timeout = 0;\n", b"").replace(b"SET some_later_setting = on;\n", b"")
    assert await _passed(HEAD) == expected


async def test_rows_pass_as_they_are() -> None:
    """A row that reads like a parameter, or is no text at all, is data."""
    assert (await _passed(HEAD + ROWS)).endswith(b"\n\n" + ROWS)


@pytest.mark.parametrize("more", [b"", b"SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n"])
async def test_long_rows_need_no_lines(more: bytes) -> None:
    """Data without the end of a line, longer than any buffer, passes; so does what comes between head and tables."""
    long = b"COPY a FROM stdin;\n" + b"x" * 300_000
    script = b"SET statement_timeout = 0;\n" + more.replace(b"default", b"statement") + long
    assert (await _passed(script, limit=1000)).endswith(long)
