import asyncio

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")
balance: dict[str, list[int]] = {"alice": [], "bob": []}


@jobs.command
async def book(entry: tuple[str, int]) -> None:
    account, amount = entry
    await asyncio.sleep(0.001)
    balance[account].append(amount)


async def main() -> None:
    async with jobs.start(concurrency=20):
        refs = [
            await jobs.enqueue(book, (account, amount), worker=f"account-{account}")
            for amount in range(5)
            for account in balance
        ]
        for ref in refs:
            await jobs.wait(ref, timeout=10)
    print(balance)


if __name__ == "__main__":
    asyncio.run(main())
