"""The control plane as Chalice sees it: the CloudController's API, and every function that a queue or a clock calls."""

from chalice import Chalice

from chalicelib.api import all_endpoints
from chalicelib.handlers import cc, hm

app = Chalice(app_name="zerofoundry")

for endpoints in all_endpoints():
    app.register_blueprint(endpoints.blueprint)
app.register_blueprint(cc.blueprint)
app.register_blueprint(hm.blueprint)
