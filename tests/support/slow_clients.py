"""Clients that wear a server out: `python -m tests.support.slow_clients PORT`.

Each of the slow ones sends a byte a second, half of them of a request's head and half of its body,
and begins anew when it is cut off. One more sends a body of a gigabyte in chunks, a second after
the one before was cut off. Says `ready` when all are connected; ends with its standard input.
"""

import argparse
import asyncio
import sys
from contextlib import suppress

GIGABYTE = 1024
MEBIBYTE = b"100000\r\n" + b" " * 0x100000 + b"\r\n"


def head(token: str, *lines: str) -> bytes:
    """The head of a request that creates a user."""
    fields = ("Host: api", f"Authorization: {token}", "Content-Type: application/json", *lines)
    return "\r\n".join(("POST /v1/users HTTP/1.1", *fields, "", "")).encode()


async def slow(port: int, token: str, number: int, connected: asyncio.Semaphore) -> None:
    """For ever: connect, and send a byte a second until that is over."""
    whole = head(token, "Content-Length: 1000")
    before = whole if number % 2 else whole[: len(whole) // 2]
    await asyncio.sleep(number % 100 / 100)  # not all in the same moment
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connected.release()
            writer.write(before)
            closed = asyncio.create_task(reader.read())
            while not closed.done():
                writer.write(b"a")
                await writer.drain()
                await asyncio.wait({closed}, timeout=1)
            writer.close()
        await asyncio.sleep(0)


async def flood(port: int, token: str) -> None:
    """For ever: send a gigabyte, as much of it as is taken."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head(token, "Transfer-Encoding: chunked"))
            for _ in range(GIGABYTE):
                writer.write(MEBIBYTE)
                await writer.drain()
            writer.close()
        await asyncio.sleep(1)


async def main() -> None:
    """Attack until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    connected = asyncio.Semaphore(0)
    tasks = [
        asyncio.create_task(slow(options.port, options.token, number, connected))
        for number in range(options.clients)
    ]
    for _ in range(options.clients):
        await connected.acquire()
    tasks.append(asyncio.create_task(flood(options.port, options.token)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
