import asyncio
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbjobs import Jobs, current_user


@dataclass
class User:
    id: str
    name: str


USERS = {"7": User("7", "Ada"), "8": User("8", "Bob")}
TOKENS = {"token-of-7": "7"}  # what this application's own clients send


async def load_user(user_id: str) -> User | None:
    return USERS.get(user_id)  # a query, usually


jobs = Jobs("sqlite:///jobs.db", user_resolver=load_user)


@jobs.command
async def remind() -> str:
    return f"reminded {current_user().name}"


@jobs.command
async def onboard() -> int:
    return (await jobs.enqueue(remind)).id  # has the same user


async def profile(request: Request) -> Response:
    user_id = TOKENS.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    return JSONResponse(USERS[user_id].name) if user_id else Response(status_code=401)


def headers_of(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{user.id}"}


jobs.mount_api(Starlette(routes=[Route("/profile", profile)]), user_headers=headers_of)


async def main() -> None:
    async with jobs.start():
        onboarded = await jobs.wait(await jobs.enqueue(onboard, user_id="8"), timeout=10)
        print((await jobs.wait(onboarded.response, timeout=10)).response)

        answer = await jobs.wait(await jobs.enqueue_api("GET", "/profile", user_id="7"), timeout=10)
        print(answer.response.json())

        unknown = await jobs.wait(await jobs.enqueue(remind, user_id="99"), timeout=10)
        print(unknown.state, unknown.error)


if __name__ == "__main__":
    asyncio.run(main())
