"""The saga is broken at a part of all points; `make test SUITE=travel` breaks it at each."""

import pytest

from saga.verify.plugin import VerifySaga
from travel import insurance_subject
from travel.subject import SUBJECT

PART = 60  # of so many schedules, one


@pytest.mark.verifier
def test_a_trip_survives_a_part_of_all_faults(verify_saga: VerifySaga) -> None:
    verify_saga(SUBJECT, pairs=5, every=PART)


@pytest.mark.verifier
def test_an_insurance_survives_a_part_of_all_faults(verify_saga: VerifySaga) -> None:
    verify_saga(insurance_subject.SUBJECT, pairs=5, every=4)
