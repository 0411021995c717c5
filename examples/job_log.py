import asyncio
import logging

from dbjobs import JobLogHandler, Jobs

jobs = Jobs("sqlite:///jobs.db")
log = logging.getLogger("shop.orders")


def price(order: int) -> int:
    log.info("order %s: looking up its price", order)
    try:
        return {1: 20}[order]
    except KeyError:
        log.warning("order %s has no price", order, exc_info=True)
        return 0


@jobs.command
async def bill(order: int) -> int:
    return price(order)


async def main() -> None:
    logging.getLogger("shop").addHandler(JobLogHandler())
    logging.getLogger("shop").setLevel(logging.INFO)
    async with jobs.start():
        for order in (1, 2):
            ref = await jobs.enqueue(bill, order)
            await jobs.wait(ref, timeout=10)
            for line in await jobs.logs(ref):
                text = line.message.split("\n")
                print(f"job {ref.id}: {line.level}: {text[0]}")
                if len(text) > 1:  # a traceback follows
                    print(f"    {text[-1]}")
    price(1)  # no job runs here: the line goes nowhere


if __name__ == "__main__":
    asyncio.run(main())
