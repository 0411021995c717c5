import asyncio
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel, Field

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")
app = FastAPI()


class Order(BaseModel):
    sku: str
    amount: int = Field(gt=0)


@app.post("/orders", status_code=201)
async def place(order: Order) -> dict[str, str]:
    return {"placed": f"{order.amount} x {order.sku}"}


@app.post("/orders/{order_id}/ship")
@jobs.api_options(queue="shipping", retry_limit=5)
async def ship(order_id: int) -> str:
    return f"order {order_id} is on its way"


jobs.mount_api(app)


@dataclass
class SendEmail:
    to: str
    subject: str


@jobs.api
async def send_email(request: SendEmail) -> str:
    return f"sent {request.subject!r} to {request.to}"


async def main() -> None:
    async with jobs.start():
        placed = await jobs.wait(
            await jobs.enqueue_api("POST", "/orders", json={"sku": "lamp", "amount": 2}), timeout=10
        )
        print(placed.command, placed.state, placed.response.status, placed.response.json())

        refused = await jobs.wait(
            await jobs.enqueue_api("POST", "/orders", json={"sku": "lamp", "amount": 0}), timeout=10
        )
        print(refused.command, refused.state, refused.error_code, refused.errors[-1].fields)

        shipped = await jobs.wait(await jobs.enqueue_api(ship, order_id=17), timeout=10)
        print(shipped.command, shipped.queue, shipped.response.json())

        sent = await jobs.wait(await jobs.enqueue_api(SendEmail("a@b.c", "hello")), timeout=10)
        print(sent.command, sent.state, sent.response)


if __name__ == "__main__":
    asyncio.run(main())
