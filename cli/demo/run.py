"""Runs the stories against a stack: seeds it, places the orders, meddles, follows them."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from cli.client import Api, ApiError
from cli.demo.faults import LocalStack
from cli.demo.scenarios import Meddling, Story

PATIENCE = 90.0
POLL = 0.15
PRICE: dict[str, Any] = {"minor": 1999, "currency": "EUR"}
STOCK = {"plenty": 50, "scarce": 1}


class Demo:
    """One run. Without a local stack, no worker can be killed."""

    def __init__(self, api: Api, local: LocalStack | None) -> None:
        self.api = api
        self.local = local
        self.customers: dict[str, str] = {}
        self.skus: dict[str, str] = {}

    def seed(self) -> None:
        """Two users, one of them inactive, and two products, one of them nearly sold out."""
        tag = uuid4().hex[:6].upper()
        for name in ("active", "inactive"):
            user = {"name": f"Demo {name}", "email": f"{name}@example.com"}
            self.customers[name] = self.api.post("/v1/users", user)["id"]
        self.api.post(f"/v1/users/{self.customers['inactive']}/deactivate")
        for name, stock in STOCK.items():
            self.skus[name] = f"{name.upper()}-{tag}"
            product = {"sku": self.skus[name], "name": name, "price": PRICE, "stock": stock}
            self.api.post("/v1/products", product)

    def run(self, stories: Sequence[Story], show: Callable[[], None]) -> None:
        """Place the orders at once and follow them to their ends, or until patience ends."""
        for story in stories:
            customer, sku = self.customers[story.customer], self.skus[story.product]
            story.order = self.api.place(customer, {sku: story.quantity}, story.method)
        deadline = time.monotonic() + PATIENCE
        while not all(story.over for story in stories) and time.monotonic() < deadline:
            for story in stories:
                self._follow(story)
            show()
            time.sleep(POLL)

    def _follow(self, story: Story) -> None:
        if story.over:
            return
        path = f"/v1/orders/{story.order['id']}"
        try:
            story.order = self.api.get(path)
            story.saga = self.api.get(f"{path}/saga")
            if story.meddling and story.step("charge_payment") == "running":
                self._meddle(story)
        except ApiError as error:
            if error.status not in (0, 503):
                raise
            story.note = story.note or "waiting for an answer"

    def _meddle(self, story: Story) -> None:
        if story.meddling is Meddling.CANCEL:
            self.api.post(f"/v1/orders/{story.order['id']}/cancel", {"reason": "changed my mind"})
            story.note = "cancelled while its charge was on its way"
        elif self.local is None or not self.local.ledger(story.order["id"])["entries"]:
            return  # the money has not moved yet
        elif worker := self.local.kill_worker_of(story.saga["saga_id"]):
            story.note = f"{worker.name} (pid {worker.pid}) killed after the money had moved"
        else:
            return
        story.meddling = None
