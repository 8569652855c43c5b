"""What the routes of orders answer, for the OpenAPI document: statuses and headers."""

from api.http.openapi import Responses, errors, header
from api.schemas import OrderOut

LOCATION = {"Location": header("The order", examples=["/v1/orders/ord_pz3kwc5ydsjtdw3rpyvm2tbwqe"])}
REPLAYED = {"Idempotent-Replayed": header("`true` if this key was answered before")}
WAITED = {"Preference-Applied": header("`wait=N` if the answer was made to wait for the end")}
LATER = {"Retry-After": header("Seconds until it is worth asking again", type="integer")}

PLACED: Responses = {
    200: {
        "model": OrderOut,
        "description": "With `Prefer: wait`: it has ended, and is not confirmed",
        "headers": LOCATION | REPLAYED | WAITED,
    },
    201: {
        "model": OrderOut,
        "description": "With `Prefer: wait`: it is confirmed",
        "headers": LOCATION | REPLAYED | WAITED,
    },
    202: {
        "description": "It is accepted, and will end without further requests",
        "headers": LOCATION | REPLAYED | WAITED | LATER,
    },
    **errors(422),
}
LISTED: Responses = {200: {"headers": {"Link": header('The next page, as `<…>; rel="next"`')}}}
NOT_MODIFIED: Responses = {
    200: {"headers": {"ETag": header('Made of the version, such as `"3"`')}},
    304: {"description": "It is as you have it"},
}
STREAM: Responses = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "event: OrderConfirmed\ndata: {…}\nid: 3\n\n",
            }
        }
    },
    **errors(400),
}
