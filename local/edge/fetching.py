"""What an issuer publishes, over the network: bounded in size, to be bounded in time."""

from __future__ import annotations

MAX_BYTES = 512 * 1024


async def get(url: str) -> bytes:
    """What is at `url`; raises `OSError` for any other answer than that, or a larger one."""
    # Takes a tenth of a second, which only a program with another's issuer pays.
    import httpx

    content = b""
    try:
        async with httpx.AsyncClient() as client, client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise OSError(f"{url} answered {answer.status_code}")
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > MAX_BYTES:
                    raise OSError(f"{url}: more than {MAX_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error)) from error
    return content
