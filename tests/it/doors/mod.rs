//! Doors: ways into rooms. What holds for the socket holds for each: one table of cases, which every door runs on both
//! databases (`table`, with a row for each door in `rows`); and what is a door's own.

mod bot;
#[cfg(feature = "grpc")]
mod by_grpc;
#[cfg(feature = "grpc")]
mod grpc;
mod keys;
mod recipes;
mod rest;
mod rooms;
mod rows;
mod socketio;
mod socketio_client;
mod sse;
mod stomp;
mod table;
mod together;
