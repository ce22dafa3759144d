"""Asks a server for its health, and what it speaks, as grpcio does: address and certificate are its arguments."""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

address, certificate = sys.argv[1:]
SERVICE = "realtime_chat.v1.Chat"
with open(certificate, "rb") as file:
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))

health = health_pb2_grpc.HealthStub(channel)
for name in ("", SERVICE):
    checked = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=30, wait_for_ready=True)
    assert checked.status == health_pb2.HealthCheckResponse.SERVING, checked
try:
    health.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=30)
    raise AssertionError("there is no such service")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error

# Nothing is known of it but what the server says of itself.
database = ProtoReflectionDescriptorDatabase(channel)
assert SERVICE in database.get_services(), database.get_services()
pool = DescriptorPool(database)
service = pool.FindServiceByName(SERVICE)
assert {"PostMessage", "Subscribe"} <= {method.name for method in service.methods}


def call(name, **fields):
    method = service.FindMethodByName(name)
    asked, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    make = channel.unary_unary(f"/{SERVICE}/{name}", asked.SerializeToString, answer.FromString)
    return make(asked(**fields), timeout=30)


room = call("GetRoom", room="post")
assert (room.id, room.rev) == ("post", 0), room

# What is refused says why, as google.rpc.ErrorInfo.
try:
    call("PostMessage", room="post", content="hello")
    raise AssertionError("who writes says who it is")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details), error
    assert (info.reason, info.domain) == ("BAD_TOKEN", "realtime-chat"), info
