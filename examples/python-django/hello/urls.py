import os

from django.http import HttpRequest, HttpResponse
from django.urls import path


def hello(request: HttpRequest) -> HttpResponse:
    instance = os.environ.get("CF_INSTANCE_INDEX", "0")
    return HttpResponse(f"Hello from python-django, instance {instance}\n", content_type="text/plain")


urlpatterns = [path("", hello)]
