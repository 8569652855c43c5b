"""The rules of accounts. One method is one transaction."""

from typing import Any
from uuid import uuid4

from sqlalchemy import Executable, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound, Rejected
from contracts.published import DomainEvent, EventType, UserEvent
from contracts.users import NewUser, User, ValidatedUser, ValidateUser
from infrastructure.database import Database
from infrastructure.outbox import Outbox
from services.user.tables import outbox, users


class Users:
    """Implements `contracts.users.UserService` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = Outbox(outbox)

    async def create(self, user: NewUser) -> User:
        """Open an account."""
        values = {"id": f"usr_{uuid4().hex}", "name": user.name, "email": user.email}
        statement = insert(users).values(values).returning(*users.c)
        async with self._database.transaction() as tx:
            opened = await _one(tx, statement, values["id"])
            await self._outbox.publish(tx, [_told(EventType.USER_CREATED, opened)])
        return opened

    async def get(self, user_id: str) -> User:
        """Read an account. NotFound if there is none."""
        async with self._database.statement() as tx:
            return await _one(tx, _select(user_id), user_id)

    async def deactivate(self, user_id: str) -> User:
        """Close an account for new orders; repeating it changes nothing. NotFound if none."""
        async with self._database.transaction() as tx:
            user = await _one(tx, _select(user_id).with_for_update(), user_id)
            if user.active:
                closed = update(users).where(users.c.id == user_id).values(active=False)
                user = await _one(tx, closed.returning(*users.c), user_id)
                await self._outbox.publish(tx, [_told(EventType.USER_DEACTIVATED, user)])
        return user

    async def validate(self, command: ValidateUser) -> ValidatedUser:
        """Rejected `user_inactive` or NotFound `unknown_user` if the customer may not order."""
        user = await self.get(command.customer_id)
        if not user.active:
            raise Rejected("user_inactive", f"user {user.id} is not active")
        return ValidatedUser(customer_id=user.id)


def _select(user_id: str) -> Select[Any]:
    return select(users).where(users.c.id == user_id)


async def _one(tx: AsyncConnection, statement: Executable, user_id: str) -> User:
    row = (await tx.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("unknown_user", f"there is no user {user_id}")
    return User(**row)


def _told(event: EventType, user: User) -> DomainEvent:
    return DomainEvent(event, user.id, UserEvent(user_id=user.id))
