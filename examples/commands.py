import asyncio
import time
from dataclasses import dataclass

from dbjobs import InvalidRequest, JobContext, Jobs

jobs = Jobs("sqlite:///jobs.db", retry_limit=0)


@dataclass
class Resize:
    path: str
    width: int = 800


@jobs.command(queue="images", timeout=60)
async def resize(request: Resize, job: JobContext) -> dict[str, int]:
    job.log(f"{request.path}: attempt {job.attempt}")
    return {"width": request.width, "height": request.width * 3 // 4}


@jobs.command
def checksum(text: str) -> int:  # a plain function: it runs in a thread
    time.sleep(0.01)
    return sum(text.encode())


class Greeter:
    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    async def __call__(self, name: str) -> str:
        return f"{self.greeting}, {name}"


jobs.command(name="greet")(Greeter("Hello"))


async def main() -> None:
    async with jobs.start():
        refs = [
            await jobs.enqueue(resize, Resize("cat.jpg")),
            await jobs.enqueue("resize", {"path": "dog.jpg", "width": 400}),
            await jobs.enqueue(checksum, "abc"),
            await jobs.enqueue("greet", "Ada"),
        ]
        for ref in refs:
            print((await jobs.wait(ref, timeout=10)).response)
        try:
            await jobs.enqueue("resize", {"path": "dog.jpg", "widht": 400})
        except InvalidRequest as error:
            print(error)


if __name__ == "__main__":
    asyncio.run(main())
