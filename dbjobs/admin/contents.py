"""The pages in the order of the navigation, and the operations of the API."""

from __future__ import annotations

from dbjobs.admin.api import access as access_api
from dbjobs.admin.api import audit as audit_api
from dbjobs.admin.api import bulk as bulk_api
from dbjobs.admin.api import commands as commands_api
from dbjobs.admin.api import explore as explore_api
from dbjobs.admin.api import failures as failures_api
from dbjobs.admin.api import jobs as jobs_api
from dbjobs.admin.api import nodes as nodes_api
from dbjobs.admin.api import overview as overview_api
from dbjobs.admin.api import queues as queues_api
from dbjobs.admin.api import requests as requests_api
from dbjobs.admin.api import schedules as schedules_api
from dbjobs.admin.api import views as views_api
from dbjobs.admin.api import workers as workers_api
from dbjobs.admin.operations import Operations
from dbjobs.admin.page import Pages
from dbjobs.admin.pages import access as access_page
from dbjobs.admin.pages import audit as audit_page
from dbjobs.admin.pages import bulk as bulk_page
from dbjobs.admin.pages import commands as commands_page
from dbjobs.admin.pages import explore as explore_page
from dbjobs.admin.pages import failures as failures_page
from dbjobs.admin.pages import jobs as jobs_page
from dbjobs.admin.pages import nodes as nodes_page
from dbjobs.admin.pages import overview as overview_page
from dbjobs.admin.pages import queues as queues_page
from dbjobs.admin.pages import requests as requests_page
from dbjobs.admin.pages import schedules as schedules_page
from dbjobs.admin.pages import workers as workers_page

PAGES: tuple[Pages, ...] = (
    overview_page.PAGES,
    jobs_page.PAGES,
    failures_page.PAGES,
    schedules_page.PAGES,
    queues_page.PAGES,
    workers_page.PAGES,
    nodes_page.PAGES,
    commands_page.PAGES,
    explore_page.PAGES,
    requests_page.PAGES,
    bulk_page.PAGES,
    audit_page.PAGES,
    access_page.PAGES,
)
API: tuple[Operations, ...] = (
    overview_api.OPERATIONS,
    jobs_api.OPERATIONS,
    views_api.OPERATIONS,
    failures_api.OPERATIONS,
    schedules_api.OPERATIONS,
    queues_api.OPERATIONS,
    workers_api.OPERATIONS,
    nodes_api.OPERATIONS,
    commands_api.OPERATIONS,
    explore_api.OPERATIONS,
    requests_api.OPERATIONS,
    bulk_api.OPERATIONS,
    audit_api.OPERATIONS,
    access_api.OPERATIONS,
)
