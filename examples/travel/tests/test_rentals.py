"""A company without a barrier, whose replies are lost: its idempotency keys have to do."""

import pytest

from saga.participant import Compensated, Rejected, StepKey
from travel.messages import RentCar
from travel.rental_company import RentalCompany, ReplyLost
from travel.services.rentals import Rentals

KEY, CLIO = StepKey(saga_id="trip-1", step="car"), RentCar(model="Clio")


@pytest.fixture
def company() -> RentalCompany:
    return RentalCompany({"Clio": 2})


@pytest.fixture
def rentals(company: RentalCompany) -> Rentals:
    return Rentals(company)


async def test_a_request_whose_reply_was_lost_rents_one_car(
    company: RentalCompany, rentals: Rentals
) -> None:
    company.replies_to_lose = {"rent"}
    with pytest.raises(ReplyLost):
        await rentals.rent(KEY, CLIO)
    found = await rentals.find(KEY)
    assert found is not None
    assert await rentals.rent(KEY, CLIO) == found
    assert company.free == {"Clio": 1}


async def test_a_car_is_given_back_once(company: RentalCompany, rentals: Rentals) -> None:
    await rentals.rent(KEY, CLIO)
    company.replies_to_lose = {"rent", "cancel"}
    for _ in range(2):
        with pytest.raises(ReplyLost):
            await rentals.cancel(KEY, CLIO)
    await rentals.cancel(KEY, CLIO)
    assert company.free == {"Clio": 2}
    assert await rentals.find(KEY) is None


async def test_a_request_that_comes_after_its_cancel_rents_nothing(
    company: RentalCompany, rentals: Rentals
) -> None:
    await rentals.cancel(KEY, CLIO)
    with pytest.raises(Compensated):
        await rentals.rent(KEY, CLIO)
    assert company.free == {"Clio": 2}


async def test_a_refusal_is_for_good_and_leaves_nothing_to_cancel(
    company: RentalCompany, rentals: Rentals
) -> None:
    company.free["Clio"] = 0
    with pytest.raises(Rejected, match="no Clio"):
        await rentals.rent(KEY, CLIO)
    company.free["Clio"] = 1
    with pytest.raises(Rejected, match="no Clio"):
        await rentals.rent(KEY, CLIO)
    await rentals.cancel(KEY, CLIO)
    assert await rentals.find(KEY) is None
    assert company.free == {"Clio": 1}
