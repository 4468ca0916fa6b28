//! How many workers Kubernetes would run: KEDA's figures, and the horizontal pod autoscaler's arithmetic.
//!
//! KEDA's `rabbitmq` trigger (`mode: QueueLength`, `protocol: http`) answers the queues' messages, those that
//! consumers hold included, and makes the autoscaler aim for `value` of them for each replica
//! (`AverageValue`). The autoscaler asks every 15 s, leaves replicas as they are within a tolerance of 10 %, and
//! follows the policies in `behavior`.
//! Sources: keda.sh/docs (scalers/rabbitmq-queue, reference/scaledobject-spec) and kubernetes.io/docs
//! (tasks/run-application/horizontal-pod-autoscale).

use std::collections::VecDeque;
use std::time::Duration;

/// The part of a `ScaledObject` that decides.
#[derive(Debug, Clone)]
pub struct Scaling {
    /// Messages for each worker (`value` of the triggers).
    pub value: u64,
    /// `minReplicaCount`.
    pub min: u64,
    /// `maxReplicaCount`.
    pub max: u64,
    /// `scaleUp`: at most so many more in one period.
    pub up_pods: u64,
    /// `scaleUp`: or so many per cent more, whichever is more.
    pub up_percent: u64,
    /// `scaleDown`: at most so many per cent fewer in one period.
    pub down_percent: u64,
    /// `periodSeconds` of both.
    pub period: Duration,
    /// `scaleDown.stabilizationWindowSeconds`: the most that was wanted within it counts.
    pub stabilization: Duration,
}

/// The autoscaler's default tolerance: `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;

/// What the metric wants: `ceil(messages / value)`, unless that is within the tolerance of what there is.
#[must_use]
pub fn wanted(messages: u64, value: u64, replicas: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer messages than 2^52")]
    let ratio = messages as f64 / (value * replicas.max(1)) as f64;
    if replicas > 0 && (ratio - 1.0).abs() <= TOLERANCE { replicas } else { messages.div_ceil(value) }
}

/// An autoscaler at work: remembers what it wanted and what it did.
#[derive(Debug)]
pub struct Autoscaler {
    scaling: Scaling,
    /// What was wanted, and when, within the stabilization window.
    recommended: VecDeque<(Duration, u64)>,
    /// How many replicas there were at each change, within the period.
    before: VecDeque<(Duration, u64)>,
}

impl Autoscaler {
    /// One that has not looked yet.
    #[must_use]
    pub fn new(scaling: Scaling) -> Self {
        Self { scaling, recommended: VecDeque::new(), before: VecDeque::new() }
    }

    /// How many replicas there shall be, given how many there are and how many messages wait or are in hand;
    /// `now` counts from anywhere.
    pub fn decide(&mut self, now: Duration, replicas: u64, messages: u64) -> u64 {
        let scaling = &self.scaling;
        let recommended = wanted(messages, scaling.value, replicas).clamp(scaling.min, scaling.max);
        self.recommended.push_back((now, recommended));
        forget(&mut self.recommended, now, scaling.stabilization);
        forget(&mut self.before, now, scaling.period);
        let decided = if recommended >= replicas {
            recommended.min(self.up_limit(replicas))
        } else {
            let stable = self.recommended.iter().map(|(_, wanted)| *wanted).max().unwrap_or(recommended);
            stable.min(replicas).max(self.down_limit(replicas))
        };
        if decided != replicas {
            self.before.push_back((now, replicas));
        }
        decided
    }

    /// The policies count from what there was at the beginning of the period.
    fn up_limit(&self, replicas: u64) -> u64 {
        let start = self.before.iter().map(|(_, before)| *before).min().unwrap_or(replicas).min(replicas);
        (start + self.scaling.up_pods).max((start * (100 + self.scaling.up_percent)).div_ceil(100))
    }

    fn down_limit(&self, replicas: u64) -> u64 {
        let start = self.before.iter().map(|(_, before)| *before).max().unwrap_or(replicas).max(replicas);
        start * (100 - self.scaling.down_percent.min(100)) / 100
    }
}

fn forget(entries: &mut VecDeque<(Duration, u64)>, now: Duration, window: Duration) {
    while entries.front().is_some_and(|(at, _)| now.saturating_sub(*at) > window) {
        entries.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn autoscaler() -> Autoscaler {
        Autoscaler::new(Scaling {
            value: 64,
            min: 1,
            max: 8,
            up_pods: 4,
            up_percent: 100,
            down_percent: 50,
            period: seconds(15),
            stabilization: seconds(60),
        })
    }

    #[test]
    fn a_worker_for_so_many_messages_and_none_for_a_tenth_more_or_less() {
        assert_eq!([0, 1, 64, 65, 128, 129].map(|messages| wanted(messages, 64, 0)), [0, 1, 1, 2, 2, 3]);
        assert_eq!([115, 116, 140, 141, 57].map(|messages| wanted(messages, 64, 2)), [2, 2, 2, 3, 1]);
    }

    #[test]
    fn replicas_grow_in_steps() {
        let mut autoscaler = autoscaler();
        assert_eq!(autoscaler.decide(seconds(0), 1, 20_000), 5);
        assert_eq!(autoscaler.decide(seconds(5), 5, 19_000), 5, "once in a period");
        assert_eq!(autoscaler.decide(seconds(16), 5, 18_000), 8, "and no more than the maximum");
    }

    #[test]
    fn replicas_shrink_once_fewer_were_wanted_for_a_while() {
        let mut autoscaler = autoscaler();
        assert_eq!(autoscaler.decide(seconds(0), 8, 512), 8);
        assert_eq!(autoscaler.decide(seconds(30), 8, 0), 8);
        assert_eq!(autoscaler.decide(seconds(61), 8, 0), 4);
        assert_eq!(autoscaler.decide(seconds(70), 4, 0), 4, "once in a period");
        assert_eq!(autoscaler.decide(seconds(77), 4, 0), 2);
        assert_eq!(autoscaler.decide(seconds(93), 2, 0), 1);
        assert_eq!(autoscaler.decide(seconds(120), 1, 0), 1, "and no fewer than the minimum");
    }
}
