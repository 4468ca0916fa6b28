//! Measurements of calrelay. They print figures and assert nothing but that no job was lost.

pub mod keda;
pub mod management;
