"""`/v1/users`, `/v1/products` and `/v1/payments`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.dependencies import Backend, backend
from api.http.openapi import errors
from api.http.openapi_responses import LISTED
from api.http.query_parameters import IN_DIGITS
from api.lists import AccountList, ProductList, link_next_page
from api.routes.orders import find_order
from api.schemas import AddStockBody, NewProductBody, NewUserBody
from api.security.authentication import Me
from api.security.authorization import AuthorizedRoute
from contracts.inventory import Product
from contracts.payments import Payment
from contracts.users import User
from saga.participant import NotFound

router = APIRouter(prefix="/v1", route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]


@router.post("/users", status_code=201, tags=["users"], responses=errors(422))
async def create_user(body: NewUserBody, deps: Deps, response: Response) -> User:
    """Open an account."""
    user = await deps.services.users.create(body)
    response.headers["Location"] = f"/v1/users/{user.id}"
    return user


@router.get("/users", tags=["users"], responses=LISTED | errors(422))
async def list_users(
    deps: Deps,
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=100), IN_DIGITS] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
) -> AccountList:
    """Accounts, newest first, without names and addresses: those are in `GET /v1/users/{user_id}`.

    The header Link leads to the next page, if there is one.
    """
    page = await deps.services.users.list_accounts(limit=limit, cursor=cursor)
    link_next_page(request, response, page.next_cursor)
    return AccountList(items=list(page.items), next_cursor=page.next_cursor)


@router.get("/users/{user_id}", tags=["users"], responses=errors(404))
async def get_user(user_id: str, me: Me, deps: Deps) -> User:
    """One account. A customer has its own; the others are not there for it."""
    if not me.may_see(user_id):
        raise NotFound("unknown_user", "there is no such user")
    return await deps.services.users.get(user_id)


@router.post("/users/{user_id}/deactivate", tags=["users"], responses=errors(404))
async def deactivate_user(user_id: str, deps: Deps) -> User:
    """Close an account for new orders."""
    return await deps.services.users.deactivate(user_id)


@router.post("/users/{user_id}/erase", tags=["users"], responses=errors(404))
async def erase_user(user_id: str, deps: Deps) -> User:
    """Forget a person for good. The account is closed, and orders under way go on without it."""
    return await deps.services.users.erase(user_id)


@router.post("/products", status_code=201, tags=["products"], responses=errors(409, 422))
async def create_product(body: NewProductBody, deps: Deps, response: Response) -> Product:
    """Offer a product. 409 `sku_exists` if the SKU is taken."""
    product = await deps.services.inventory.create_product(body)
    response.headers["Location"] = f"/v1/products/{product.sku}"
    return product


@router.get("/products", tags=["products"])
async def list_products(deps: Deps) -> ProductList:
    """All products, by SKU."""
    return ProductList(items=await deps.services.inventory.list_products())


@router.get("/products/{sku}", tags=["products"], responses=errors(404))
async def get_product(sku: str, deps: Deps) -> Product:
    """One product with its stock."""
    return await deps.services.inventory.get_product(sku)


@router.post("/products/{sku}/stock", tags=["products"], responses=errors(404, 422))
async def add_stock(sku: str, body: AddStockBody, deps: Deps) -> Product:
    """Put pieces on the shelf. Added, never set; not idempotent."""
    return await deps.services.inventory.add_stock(sku, body)


@router.get("/payments/{order_id}", tags=["payments"], responses=errors(404))
async def get_payment(order_id: str, me: Me, deps: Deps) -> Payment:
    """The payment of an order."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    return await deps.services.payments.for_order(order_id)
