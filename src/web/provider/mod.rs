//! The provider's shell: it runs the machines of `proto::provider`, sends what they say, and hands the answers to
//! JavaScript. Keys stay outside: the host puts them into header objects that are only passed on here.

mod account;
mod call;
mod engine;
mod exchange;
mod host;
mod inner;
mod models;
mod reading;
mod refresher;
mod refused;
mod shape;
mod shapes;
