"""Steps of the inventory service."""

from temporalio import activity

from contracts.inventory import InventoryService, Reservation, ReserveStock
from saga import Call
from saga.participant.activity_errors import key_of


class InventoryActivities:
    """Activities `inventory.*`, on the queue `inventory`."""

    def __init__(self, inventory: InventoryService) -> None:
        self._inventory = inventory

    @activity.defn(name="inventory.reserve")
    async def reserve(self, call: Call, command: ReserveStock) -> Reservation:
        """Hold the pieces."""
        return await self._inventory.reserve(key_of(call), command)

    @activity.defn(name="inventory.release")
    async def release(self, call: Call, command: ReserveStock) -> Reservation:
        """Give held pieces back."""
        return await self._inventory.release(key_of(call), command)

    @activity.defn(name="inventory.commit")
    async def commit(self, call: Call, command: ReserveStock) -> Reservation:
        """Turn held pieces into sold ones."""
        return await self._inventory.commit(key_of(call), command)

    @activity.defn(name="inventory.restock")
    async def restock(self, call: Call, command: ReserveStock) -> Reservation:
        """Put sold pieces back on the shelf."""
        return await self._inventory.restock(key_of(call), command)
