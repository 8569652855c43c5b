"""What the API says is missing or slow, for `saga status`."""

from collections.abc import Iterator

import httpx2

PATIENCE = 5.0  # seconds: the API asks others for three


def describe_health(url: str | None) -> Iterator[str]:
    """A line for everything that is not well; none if the API is none of ours, or all is well."""
    if url is None:
        return
    try:
        answer = httpx2.get(f"{url}/health/ready", timeout=PATIENCE, trust_env=False)
        health = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        yield f"the API does not answer: {str(error) or type(error).__name__}"
        return
    for name, said in (health.get("checks", {}) | health.get("degraded", {})).items():
        if said != "ok":
            yield f"{name}: {said}"
