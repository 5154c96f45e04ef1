"""As little as an app needs; the secret comes from the environment, and the router vouches for the host's name."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parents[1]
SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-an-app-that-keeps-no-secrets")
ALLOWED_HOSTS = ["*"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ROOT_URLCONF = "hello.urls"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL, STATIC_ROOT = "static/", BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "assets"]
USE_TZ = True
