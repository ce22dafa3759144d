//! gRPC: what is its own.
