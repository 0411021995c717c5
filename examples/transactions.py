import asyncio
import sqlite3

from dbjobs import JobContext, Jobs

jobs = Jobs("sqlite:///app.db")


@jobs.command
async def welcome(name: str, job: JobContext) -> None:
    async with job.transaction() as tx:  # the row and the job's completion commit together
        await tx.execute("INSERT INTO letter (name) VALUES (?)", name)
        job.respond(f"wrote to {name}")


async def main() -> None:
    app = sqlite3.connect("app.db", isolation_level=None)
    app.executescript("CREATE TABLE IF NOT EXISTS user (name TEXT); CREATE TABLE IF NOT EXISTS letter (name TEXT)")
    async with jobs.start():
        app.execute("BEGIN")
        app.execute("INSERT INTO user (name) VALUES ('ada')")
        ref = await jobs.enqueue(welcome, "ada", connection=app)
        app.execute("COMMIT")  # from here on the job exists
        print((await jobs.wait(ref, timeout=10)).response)

        app.execute("BEGIN")
        lost = await jobs.enqueue(welcome, "bob", connection=app)
        app.execute("ROLLBACK")  # and this one never did
        print(await jobs.get(lost))
    print(app.execute("SELECT name FROM letter").fetchall())
    app.close()


if __name__ == "__main__":
    asyncio.run(main())
