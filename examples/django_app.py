import asyncio

import django
from django.conf import settings
from django.db import close_old_connections, connection, models, transaction
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path

from dbjobs import Jobs

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "app.db",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},  # a transaction that reads before it writes is not refused
        }
    },
)
django.setup()

jobs = Jobs("sqlite:///app.db")  # the same database


class User(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        app_label = "shop"


@jobs.command
def welcome(user_id: int) -> str:  # plain, so it runs in a thread and may use the ORM
    try:
        return f"welcome, {User.objects.get(pk=user_id).name}"
    finally:
        close_old_connections()  # what Django does after a request


def sign_up(request: HttpRequest) -> JsonResponse:
    with transaction.atomic():
        user = User.objects.create(name=request.POST["name"])
        ref = jobs.sync.enqueue(welcome, user.pk, connection=connection)
        if not user.name:
            transaction.set_rollback(True)  # takes the user and the job away
            return JsonResponse({"error": "no name"}, status=400)
    return JsonResponse({"job": ref.id}, status=202)  # from here on the job exists


urlpatterns = [path("users", sign_up)]


def try_it() -> None:
    """What a server and a worker do: two requests, one job."""
    jobs.sync.open()  # makes the tables; in production `dbjobs migrate` does
    with connection.schema_editor() as editor:
        editor.create_model(User)
    client = Client()
    print(client.post("/users", {"name": ""}).json())
    answer = client.post("/users", {"name": "ada"})
    print(answer.status_code, User.objects.count())

    async def work() -> None:
        async with jobs.start():  # in production: dbjobs worker shop.worker:jobs
            print((await jobs.wait(answer.json()["job"], timeout=10)).response)

    asyncio.run(work())
    jobs.sync.close()
    connection.close()


if __name__ == "__main__":
    try_it()
