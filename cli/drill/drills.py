"""All drills, the easiest first."""

from cli.drill.broken_deploy import BROKEN_DEPLOY
from cli.drill.drill import Drill
from cli.drill.outage import PROVIDER_DOWN
from cli.drill.refunds import REFUND_BY_HAND, REFUSED_REFUND
from cli.drill.stock import STUCK_STOCK
from cli.drill.terminated import TERMINATED
from cli.drill.wedged import WEDGED_INPUT

DRILLS: tuple[Drill, ...] = (
    REFUSED_REFUND,
    REFUND_BY_HAND,
    STUCK_STOCK,
    PROVIDER_DOWN,
    TERMINATED,
    WEDGED_INPUT,
    BROKEN_DEPLOY,
)
