import asyncio

from dbjobs import Jobs
from dbjobs.errors import JobsMoved
from dbjobs.moving import transfer

OLD, NEW = "sqlite:///jobs.db", "sqlite:///moved.db"


async def greet(name: str) -> str:
    return f"hello {name}"


async def main() -> None:
    old = Jobs(OLD)
    old.command(greet)
    async with old:
        first = await old.enqueue(greet, "ann", run_after=3600, ref_id="greet ann")
        await old.enqueue_many(greet, [f"guest {n}" for n in range(3)])

    moved = await transfer(OLD, NEW)
    for table in moved.tables:
        if table.source_rows:
            print(f"{table.table}: {table.source_rows} rows, equal: {table.is_equal}")

    try:
        async with old:
            pass
    except JobsMoved as error:
        print(str(error).partition(" to ")[0])

    new = Jobs(NEW)
    new.command(greet)
    async with new.start():
        again = await new.enqueue(greet, "ann", ref_id="greet ann")
        print(again.created, again.id == first.id)
        ref = await new.enqueue(greet, "bob")
        done = await new.wait(ref, timeout=10)
        print(ref.id, done.response)


if __name__ == "__main__":
    asyncio.run(main())
