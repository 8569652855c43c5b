"""The rules of accounts. One method is one transaction."""

from typing import Any
from uuid import uuid4

from sqlalchemy import RowMapping, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.integration_events import DomainEvent, EventType, UserEvent
from contracts.users import AccountPage, NewUser, User, ValidatedUser, ValidateUser
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from saga.participant import NotFound, Rejected, Unavailable
from saga.participant.driver_statement import DriverStatement, Row
from services.user import accounts
from services.user.personal_data import Personal, PersonalDataCipher, SubjectKey
from services.user.tables import outbox, subject_keys, users

ERASED = Personal(name="", email="")


class Users:
    """Implements `contracts.users.UserService` on PostgreSQL. Personal data is kept sealed."""

    def __init__(self, database: Database, cipher: PersonalDataCipher | None = None) -> None:
        self._database = database
        self._outbox = Outbox(outbox)
        self._cipher = cipher or PersonalDataCipher()
        its = users.c.id == bindparam("its_id")
        self._validating = DriverStatement(select(users.c.active).where(its))
        self._reading = DriverStatement(_select_accounts().where(its))

    async def create(self, user: NewUser) -> User:
        """Open an account."""
        user_id = f"usr_{uuid4().hex}"
        kept, sealed = self._cipher.seal(user_id, Personal(name=user.name, email=user.email))
        key = insert(subject_keys).values(user_id=user_id, **kept._asdict())
        account = insert(users).values(id=user_id, sealed=sealed).returning(users.c.created_at)
        async with self._database.transaction() as tx:
            await tx.execute(key)
            created_at = (await tx.execute(account)).scalar_one()
            await self._outbox.publish(tx, [_build_event(EventType.USER_CREATED, user_id)])
        return User(
            id=user_id, name=user.name, email=user.email, active=True, created_at=created_at
        )

    async def get(self, user_id: str) -> User:
        """Read an account. NotFound if there is none."""
        row = await self._database.single().first(self._reading, {"its_id": user_id})
        if row is None:
            raise unknown(user_id)
        return self._user(row)

    async def list_accounts(self, *, limit: int, cursor: str | None) -> AccountPage:
        """A page of accounts, newest first, and of no personal data. Rejected `invalid_cursor`."""
        async with self._database.statement() as tx:
            return await accounts.page(tx, limit=limit, cursor=cursor)

    async def deactivate(self, user_id: str) -> User:
        """Close an account for new orders; repeating it changes nothing. NotFound if none."""
        async with self._database.transaction() as tx:
            user = self._user(await _read_row(tx, user_id, _select_for_update()))
            if not user.active:
                return user
            await tx.execute(update(users).where(users.c.id == user_id).values(active=False))
            await self._outbox.publish(tx, [_build_event(EventType.USER_DEACTIVATED, user_id)])
        return user.model_copy(update={"active": False})

    async def erase(self, user_id: str) -> User:
        """Forget the person for good, and close the account; repeating it changes nothing.

        Orders under way go on: they know the account's id alone. NotFound if there is none.
        """
        async with self._database.transaction() as tx:
            row = await _read_row(tx, user_id, _select_for_update())
            if row["erased_at"] is None:
                await tx.execute(delete(subject_keys).where(subject_keys.c.user_id == user_id))
                nothing = {"name": "", "email": "", "sealed": None, "active": False}
                forget = update(users).where(users.c.id == user_id)
                await tx.execute(forget.values(**nothing, erased_at=func.now()))
                await self._outbox.publish(tx, [_build_event(EventType.USER_ERASED, user_id)])
        return _to_user(row, ERASED, active=False, erased=True)

    async def validate(self, command: ValidateUser) -> ValidatedUser:
        """Rejected `user_inactive` or NotFound `unknown_user` if the customer may not order."""
        user_id = command.customer_id
        row = await self._database.single().first(self._validating, {"its_id": user_id})
        if row is None:
            raise unknown(user_id)
        if not row["active"]:
            raise Rejected("user_inactive", f"user {user_id} is not active")
        return ValidatedUser(customer_id=user_id)

    def _user(self, row: Row) -> User:
        erased = row["erased_at"] is not None
        return _to_user(row, self._personal(row), active=row["active"], erased=erased)

    def _personal(self, row: Row) -> Personal:
        if row["erased_at"] is not None:
            return ERASED
        if row["sealed"] is None:  # of the release before
            return Personal(name=row["name"], email=row["email"])
        if row["key"] is None:
            raise Unavailable(
                f"the key of {row['id']} is gone: erased, and brought back without it"
            )
        return self._cipher.open(row["id"], SubjectKey(row["key_id"], row["key"]), row["sealed"])


def _select_accounts() -> Select[Any]:
    keys = users.outerjoin(subject_keys, subject_keys.c.user_id == users.c.id)
    return select(users, subject_keys.c.key_id, subject_keys.c.key).select_from(keys)


def _select_for_update() -> Select[Any]:
    return _select_accounts().with_for_update(of=users)


async def _read_row(tx: AsyncConnection, user_id: str, statement: Select[Any]) -> RowMapping:
    found = await tx.execute(statement.where(users.c.id == user_id))
    row: RowMapping | None = found.mappings().one_or_none()
    if row is None:
        raise unknown(user_id)
    return row


def unknown(user_id: str) -> NotFound:
    """The error for an account that is not there."""
    return NotFound("unknown_user", f"there is no user {user_id}")


def _to_user(row: Row, personal: Personal, *, active: bool, erased: bool) -> User:
    return User(
        id=row["id"],
        name=personal.name,
        email=personal.email,
        active=active,
        created_at=row["created_at"],
        erased=erased,
    )


def _build_event(event: EventType, user_id: str) -> DomainEvent:
    return DomainEvent(event, user_id, UserEvent(user_id=user_id))
