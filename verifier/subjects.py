"""The sagas of this application as subjects, in the order of `workflows.sagas.SAGAS`."""

from collections.abc import Sequence

from verifier.place_order import PLACE_ORDER
from verifier.return_order import RETURN_ORDER
from verifier.subject import Subject

SUBJECTS: Sequence[Subject] = (PLACE_ORDER, RETURN_ORDER)
