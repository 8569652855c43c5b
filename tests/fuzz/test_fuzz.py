"""Thousands of requests made from the OpenAPI document, against a running stack.

All of schemathesis' checks, in all its phases. What was asked and answered is counted in the API's
own log. FUZZ_REQUESTS says how many requests; `make test SUITE=fuzz` asks for all of them, CI for
a part. FUZZ_SEED repeats a run.
"""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.routing import compile_path

from tests.support.openapi import document
from tests.support.stack import Stack, client, running_stack
from tests.support.waiting import until

pytestmark = pytest.mark.fuzz
HERE = Path(__file__).parent
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))  # of an operation in one run
ANSWERED = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.1\\?" (\d{3})')
SLOW = "pm_sandbox_slow"  # for one that is cancelled in time
METHODS = ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_sandbox_reply_lost"]


async def prepare(http: httpx2.AsyncClient) -> dict[str, list[str]]:
    """Customers, products, and orders that end in different ways."""
    person = {"name": "Ada", "email": "ada@example.com"}
    users = [(await http.post("/v1/users", json=person)).json()["id"] for _ in range(3)]
    skus = [f"FUZZ-{n}" for n in range(10)]
    for sku in skus:
        price = {"minor": 100, "currency": "EUR"}
        product = {"sku": sku, "name": "Thing", "price": price, "stock": 10**6}
        (await http.post("/v1/products", json=product)).raise_for_status()
    orders = []
    for n in range(30):
        body = {
            "customer_id": users[n % 3],
            "items": [{"sku": skus[n % 10], "quantity": 1}],
            "payment_method": METHODS[n % 3] if n < 29 else SLOW,
        }
        key = {"Idempotency-Key": uuid4().hex}
        orders.append((await http.post("/v1/orders", json=body, headers=key)).json()["id"])
    cancelled = await http.post(f"/v1/orders/{orders[-1]}/cancel")
    assert cancelled.status_code == 202, cancelled.text
    webhooks = []
    for user in users * 8:  # some are removed
        body = {"customer_id": user, "url": "https://shop.invalid/hooks"}
        webhooks.append((await http.post("/v1/webhooks", json=body)).json()["id"])
    return {
        "webhooks": webhooks,
        "users": users,
        "skus": skus,
        "orders": orders,
        "sagas": [f"order-{order}" for order in orders],
    }


def run(stack: Stack, folder: Path, seed: int) -> dict[str, Any]:
    """One run of schemathesis: its report. Its words go to a file beside it."""
    report, said = folder / f"{seed}.json", folder / f"{seed}.log"
    arguments = [
        *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{stack.api}/openapi.json"),
        *("--header", f"Authorization: {stack.bearer()['Authorization']}"),
        *("--max-examples", str(EXAMPLES)),
        *("--workers", "2", "--seed", str(seed)),
        *("--report", "json", "--report-json-path", str(report), "--no-color"),
    ]
    with said.open("w") as output:
        subprocess.run(
            [str(Path(sys.executable).parent / "st"), *arguments],
            cwd=HERE.parents[1],
            env={**os.environ, "FUZZ_THINGS": str(folder / "things.json")},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=1200,
        )
    assert report.exists(), said.read_text()
    found: dict[str, Any] = json.loads(report.read_text())
    assert not found["failures"], said.read_text()
    assert not found["errors"], said.read_text()
    assert found["operations"]["tested"] == found["operations"]["total"]
    return found


def answers(stack: Stack) -> dict[str, Counter[int]]:
    """By operation id, how often the API answered what, by its own log; and all else as `other`."""
    operations = [
        (compile_path(path)[0], method.upper(), operation["operationId"])
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for method, target, status in ANSWERED.findall((stack.state_dir / "logs/api.log").read_text()):
        path = httpx2.URL(target).path if target.startswith("/") else target
        names = (name for regex, verb, name in operations if verb == method and regex.match(path))
        found[next(names, "other")][int(status)] += 1
    return found


async def test_no_request_is_answered_by_an_error_of_ours_or_as_is_not_documented(
    tmp_path: Path,
) -> None:
    async with running_stack(tmp_path) as stack:
        async with client(stack) as http:
            things = await prepare(http)
            (tmp_path / "things.json").write_text(json.dumps(things))

            async def returning() -> bool:
                asked = await http.post(f"/v1/orders/{things['orders'][0]}/return")
                return asked.status_code == 202

            await until(returning, within=60)
        seed = SEED
        while (asked := sum(answer.total() for answer in answers(stack).values())) < REQUESTS:
            print(f"\n{asked} requests so far; next seed {seed}")
            run(stack, tmp_path, seed)
            assert sum(answer.total() for answer in answers(stack).values()) > asked
            seed += 1
        found = answers(stack)
        print(f"\n{asked} requests, seeds {SEED} to {seed - 1}")
        for name, statuses in sorted(found.items()):
            print(f"{name:20}", dict(sorted(statuses.items())))
        assert stack.child("api").restarts == 0
    everything = sum(found.values(), Counter())
    assert not [status for status in everything if status >= 500]
    operations = {
        item["operationId"] for path in document()["paths"].values() for item in path.values()
    }
    done = {name for name, statuses in found.items() if any(item < 300 for item in statuses)}
    assert done >= operations - {"resolve_step", "settle_order", "order_return", "redeliver"}
