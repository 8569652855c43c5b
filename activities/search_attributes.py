"""Keys of the search attributes that a saga of an order has, beside those of the engine."""

from temporalio.common import SearchAttributeKey

from contracts.names import CUSTOMER_ID, ORDER_STATUS

ORDER_STATUS_KEY = SearchAttributeKey.for_keyword(ORDER_STATUS)
CUSTOMER_ID_KEY = SearchAttributeKey.for_keyword(CUSTOMER_ID)
