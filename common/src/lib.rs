//! What calrelay's ingress and worker share: the domain and the ports.

pub mod account;
