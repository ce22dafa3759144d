//! The chat from end to end: the real program as a process of its own, spoken to over sockets, on both
//! databases.
//!
//! Needs `TEST_POSTGRES_URL`, the URL of a superuser: `scripts/test` starts a PostgreSQL and sets it.
// A test that meets what it does not expect fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(clippy::disallowed_methods, clippy::as_conversions, clippy::large_enum_variant, missing_docs)]

#[macro_use]
#[path = "support/on_both.rs"]
mod on_both;

mod support;

#[path = "../faults/checker.rs"]
mod checker;

mod accounts;
mod admin_api;
mod alerts;
#[cfg(feature = "amqp")]
mod amqp;
mod answer_mails;
mod archive;
mod backup;
mod bad_input;
mod bus;
mod changes;
mod changes_refused;
mod compression;
mod console;
mod database_tls;
mod docs;
mod doors;
mod equivalence;
mod failover;
mod feeds;
mod figures;
mod frames;
mod healthcheck;
mod heartbeat;
mod held;
mod history_checker;
mod house;
mod http;
mod http_changes;
mod identity;
mod keeping;
mod leases;
mod limits;
mod load;
mod locked_rooms;
mod mail;
mod moderation;
mod moving;
mod operations;
mod p1_durable_before_visible;
mod p2_one_order;
mod p3_exact_resume;
mod p4_send_once;
mod p5_connections;
mod p5_crowds;
mod p5_floods;
mod p5_logs;
mod p5_one_address;
mod p5_queues;
mod p5_requests;
mod p5_rooms;
mod p6_quiet_restart;
mod p7_database_away;
mod page;
mod pooler;
mod presence;
mod presence_of_many;
mod proxies;
mod purging;
mod raids;
mod redis_access;
mod renaming;
mod replaced_history;
mod rooms;
mod secrets;
mod session_registry;
mod slow_reader;
mod sqlite_file;
mod start;
mod start_checks;
mod two_upstreams;
mod upgrade;
mod way_in;
mod webhook_kinds;
mod webhooks;
