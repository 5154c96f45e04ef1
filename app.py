"""The control plane as Chalice sees it: the CloudController's API, and every function that a queue or a clock calls."""

import os

from chalice import Chalice

from chalicelib.adapters import collector
from chalicelib.api import all_endpoints

app = Chalice(app_name="zerofoundry")

for endpoints in all_endpoints():
    app.register_blueprint(endpoints.blueprint)

# Chalice packages what is registered; Lambda then calls each of these by its own module, and this one for the API.
if os.environ.get("_HANDLER") != "app.app":
    from chalicelib.handlers import cc, hm

    app.register_blueprint(cc.blueprint)
    app.register_blueprint(hm.blueprint)

collector.resume()
