//! k8s/: both overlays are rendered as `kubectl` does it, and held to Kubernetes, to their operators and to calrelay.

mod network;
mod overlay;
mod pods;
mod rights;
mod scaling;
mod secrets;
mod selectors;
mod servers;
mod settings;
mod validity;
