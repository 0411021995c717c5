import asyncio
from dataclasses import dataclass

from dbjobs import Jobs, JobSearch, Where, search_of

jobs = Jobs("sqlite:///jobs.db")


@dataclass
class Invoice:
    customer: str
    cents: int


@jobs.command(retry_limit=0)
async def charge(invoice: Invoice) -> str:
    if invoice.cents > 500:
        raise ValueError(f"card of {invoice.customer} declined")
    return "charged"


async def main() -> None:
    async with jobs.start():
        for number, customer in enumerate(["alice", "bob", "carol", "dave"]):
            ref = await jobs.enqueue(charge, Invoice(customer, 200 * number + 200), args={"shop": f"s{number % 2}"})
            await jobs.wait(ref, timeout=10)

        declined: JobSearch = {"state": "failed", "error": Where.contains("declined")}
        found = await jobs.find(**declined)
        print([job.id for job in found.jobs], found.complete)
        print([job.id for job in (await jobs.find(request={"customer": "bob"})).jobs])
        print([job.id for job in (await jobs.find(args={"shop": "s0"}, command=Where.starts("ch"))).jobs])

        typed = search_of('state:failed error:"card of dave" attempts:1 since:2h -args.shop:s0')
        print([job.id for job in (await jobs.find(**typed)).jobs])

        print(await jobs.requeue_many(**declined, preview=True), "would be queued again")
        print(await jobs.requeue_many(**declined, at_most=1), "queued again")
        again = await jobs.wait(await jobs.replay(1, Invoice("alice", 100)), timeout=10)
        print(again.response, again.meta)


if __name__ == "__main__":
    asyncio.run(main())
