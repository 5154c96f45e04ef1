"""A stand-in for Terraform's AWS provider: it speaks the plugin protocol, knows the real schema, and makes nothing.

Run by Terraform itself, with the Python that has the packages of requirements/terraform-check.in::

    python provider.py SCHEMA.json

It validates (Terraform's core compares a configuration with the schema), plans, and answers data sources. To apply is
refused.
"""

import json
import sys
import tempfile
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

# It is run by its path, where the project is not installed.
sys.path.insert(0, str(Path(__file__).parents[2]))
from infra.terraform_check.planning import answered, planned

#: How Terraform's values on the wire say that they are not known yet.
UNKNOWN = msgpack.ExtType(0, b"\x00")
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
MAX_MESSAGE = 256 * 1024 * 1024


def unpack(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)


def pack(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value, use_bin_type=True))


def described(block: dict[str, Any], in_set: bool = False) -> Any:
    """A block of our schema as the protocol has it. Terraform wants no values of any type in sets: they are texts."""
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps("string" if in_set and type_ == "dynamic" else type_).encode(),
                required="r" in flags,
                optional="o" in flags,
                computed="c" in flags,
            )
            for name, (type_, flags) in block["attributes"].items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                nesting=NESTING[nested["nesting"]],
                min_items=nested["min"],
                max_items=nested["max"],
                block=described(nested["block"], in_set or nested["nesting"] == "set"),
            )
            for name, nested in block["blocks"].items()
        ],
    )


class Provider(rpc.ProviderServicer):
    """One method per call of the protocol (tfplugin6); names are the protocol's."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        def all_of(kind: str) -> dict[str, Any]:
            return {name: pb.Schema(block=described(block)) for name, block in self.schema[kind].items()}

        return pb.GetProviderSchema.Response(
            provider=pb.Schema(block=described(self.schema["provider"])),
            resource_schemas=all_of("resources"),
            data_source_schemas=all_of("data"),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        return pb.ConfigureProvider.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        proposed = unpack(request.proposed_new_state)
        if proposed is not None:
            block = self.schema["resources"][request.type_name]
            proposed = planned(request.type_name, block, proposed, UNKNOWN)
        return pb.PlanResourceChange.Response(planned_state=pack(proposed), legacy_type_system=True)

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        block = self.schema["data"][request.type_name]
        return pb.ReadDataSource.Response(state=pack(answered(request.type_name, block, unpack(request.config), None)))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        refusal = pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary="This stand-in for a provider makes nothing")
        return pb.ApplyResourceChange.Response(diagnostics=[refusal])

    def StopProvider(self, request: Any, context: Any) -> Any:
        return pb.StopProvider.Response()


class Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):
    """How Terraform ends its plugins."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def Shutdown(self, request: Any, context: Any) -> Any:
        self.server.stop(grace=0.1)
        return grpc_controller_pb2.Empty()


class Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):
    def StreamStdio(self, request: Any, context: Any) -> Any:
        return iter(())


def main() -> None:
    schema = json.loads(Path(sys.argv[1]).read_text())
    options = [("grpc.max_send_message_length", MAX_MESSAGE), ("grpc.max_receive_message_length", MAX_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options)
    rpc.add_ProviderServicer_to_server(Provider(schema), server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(server), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Stdio(), server)
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/plugin.sock"
        server.add_insecure_port(f"unix://{socket}")
        server.start()
        print(f"1|6|unix|{socket}|grpc", flush=True)
        server.wait_for_termination()


if __name__ == "__main__":
    main()
