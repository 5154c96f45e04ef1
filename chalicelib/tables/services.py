"""Services: brokers, what they offer, the instances made of it, and what they are bound to."""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import table_name


def _audience(space_guid: str | None) -> str:
    """Where to look for what a broker offers: in the space that it belongs to, or with what is for all spaces."""
    return f"space/{space_guid}" if space_guid else "shared"


class ServiceBroker(Resource):
    """space_guid None: for everybody. Its username and password are sealed in table ``secrets``.

    url: without a slash at the end. change: what is going on with it (the guid of a job, or ``delete``), None for
    nothing.
    """

    class Meta:
        table_name = table_name("service-brokers")

    LABEL: ClassVar[str] = "Service broker"
    KIND: ClassVar[str] = "service_brokers"
    name = UnicodeAttribute()
    url = UnicodeAttribute()
    space_guid = UnicodeAttribute(null=True)
    change = UnicodeAttribute(null=True)

    def parents(self) -> list[str]:
        return [f"space/{self.space_guid}"] if self.space_guid else []


class ServiceOffering(Resource):
    """unique_id: the broker's own. catalog: what else the broker says of it (core.catalog.Offering.details).

    available: it is in the broker's catalog; one that left it stays while it has instances.
    """

    class Meta:
        table_name = table_name("service-offerings")

    LABEL: ClassVar[str] = "Service offering"
    KIND: ClassVar[str] = "service_offerings"
    name = UnicodeAttribute()
    broker_guid = UnicodeAttribute()
    space_guid = UnicodeAttribute(null=True)
    unique_id = UnicodeAttribute()
    available = BooleanAttribute(default=True)
    catalog = JSONAttribute(default=dict)

    def parents(self) -> list[str]:
        return [f"broker/{self.broker_guid}", _audience(self.space_guid)]


class ServicePlan(Resource):
    """visibility: public, admin, organization or space (that of the broker). orgs: guids, of ``organization``.

    catalog: what else the broker says of it (core.catalog.Plan.details).
    """

    class Meta:
        table_name = table_name("service-plans")

    LABEL: ClassVar[str] = "Service plan"
    KIND: ClassVar[str] = "service_plans"
    name = UnicodeAttribute()
    offering_guid = UnicodeAttribute()
    broker_guid = UnicodeAttribute()
    space_guid = UnicodeAttribute(null=True)
    unique_id = UnicodeAttribute()
    free = BooleanAttribute(default=True)
    available = BooleanAttribute(default=True)
    visibility = UnicodeAttribute(default="admin")
    orgs = JSONAttribute(default=list)
    catalog = JSONAttribute(default=dict)

    def parents(self) -> list[str]:
        return [f"broker/{self.broker_guid}", f"offering/{self.offering_guid}", _audience(self.space_guid)]


class Operated(Resource):
    """Something that a broker makes, changes and takes away, one operation at a time.

    last_operation: {type, state, description, created_at, updated_at}; stamps. pending: of the operation under way,
    and of one that failed: {"id", "actor", ...} (services.brokering.operations). broker_guid None: user-provided.
    catalog_ids: {"service_id", "plan_id"}, the broker's own, which it is asked with as long as the row lives.
    """

    space_guid = UnicodeAttribute()
    instance_guid = UnicodeAttribute(null=True)
    broker_guid = UnicodeAttribute(null=True)
    last_operation = JSONAttribute(default=dict)
    pending = JSONAttribute(default=dict)
    catalog_ids = JSONAttribute(default=dict)

    @property
    def is_busy(self) -> bool:
        return bool(self.last_operation) and self.last_operation["state"] in ("initial", "in progress")

    @property
    def is_there(self) -> bool:
        """Whether it has ever been made: a failed update or delete leaves it as it was."""
        operation = self.last_operation or {}
        return operation.get("type") != "create" or operation.get("state") == "succeeded"


class ServiceInstance(Operated):
    """type: managed or user-provided. shared_to: guids of other spaces that may use it.

    plan_guid, offering_guid: of a managed one. Credentials of a user-provided one are sealed in table ``secrets``.
    """

    class Meta:
        table_name = table_name("service-instances")

    LABEL: ClassVar[str] = "Service instance"
    KIND: ClassVar[str] = "service_instances"
    name = UnicodeAttribute()
    type = UnicodeAttribute(default="managed")
    plan_guid = UnicodeAttribute(null=True)
    offering_guid = UnicodeAttribute(null=True)
    tags = JSONAttribute(default=list)
    dashboard_url = UnicodeAttribute(null=True)
    maintenance_info = JSONAttribute(default=dict)
    syslog_drain_url = UnicodeAttribute(null=True)
    route_service_url = UnicodeAttribute(null=True)
    shared_to = JSONAttribute(default=list)

    @property
    def is_managed(self) -> bool:
        return self.type == "managed"

    def parents(self) -> list[str]:
        spaces = [f"space/{guid}" for guid in (self.space_guid, *(self.shared_to or ()))]
        if not self.is_managed:
            return spaces
        return [*spaces, f"plan/{self.plan_guid}", f"broker/{self.broker_guid}"]


class ServiceBinding(Operated):
    """A credential binding. type: app or key. Credentials and drain are sealed in table ``secrets``.

    space_guid: the app's, or for a key the instance's.
    """

    class Meta:
        table_name = table_name("service-bindings")

    LABEL: ClassVar[str] = "Service credential binding"
    KIND: ClassVar[str] = "service_credential_bindings"
    name = UnicodeAttribute(null=True)
    type = UnicodeAttribute(default="app")
    app_guid = UnicodeAttribute(null=True)
    plan_guid = UnicodeAttribute(null=True)

    @property
    def list_name(self) -> str:
        return str(self.name or "")

    def parents(self) -> list[str]:
        app = [f"app/{self.app_guid}"] if self.app_guid else []
        return [*app, f"space/{self.space_guid}", f"instance/{self.instance_guid}"]


class RouteBinding(Operated):
    """Requests for the route are meant to go through route_service_url first."""

    class Meta:
        table_name = table_name("route-bindings")

    LABEL: ClassVar[str] = "Service route binding"
    KIND: ClassVar[str] = "service_route_bindings"
    route_guid = UnicodeAttribute()
    route_service_url = UnicodeAttribute(null=True)

    def parents(self) -> list[str]:
        return [f"route/{self.route_guid}", f"space/{self.space_guid}", f"instance/{self.instance_guid}"]


class Orphan(Resource):
    """Something that a broker may hold and that nobody has any more; asked for its removal until that is certain.

    path, query: of the DELETE. due_at: when it is asked next, epoch s; attempt counts.
    """

    class Meta:
        table_name = table_name("service-orphans")

    LABEL: ClassVar[str] = "Orphan"
    KIND: ClassVar[str] = "service_orphans"
    broker_guid = UnicodeAttribute()
    path = UnicodeAttribute()
    query = JSONAttribute(default=dict)
    attempt = NumberAttribute(default=0)
    due_at = NumberAttribute()

    def parents(self) -> list[str]:
        return [f"broker/{self.broker_guid}"]
