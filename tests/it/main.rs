#![allow(missing_docs)]
use reqwest as _; use tokio_tungstenite as _; use jsonschema as _;
