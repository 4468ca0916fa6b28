//! Where an event stands in its day: which rows it covers, and which lane it has among those it overlaps. Where there are
//! too many for lanes of their own, the last lane holds a crowd.

/// Rows of five minutes.
pub(super) const ROW_MINUTES: i32 = 5;
pub(super) const HOUR_ROWS: i32 = 60 / ROW_MINUTES;
/// More events than this at one time, and the last lane is for those that have none.
pub(super) const LANES: usize = 8;
/// A short event still needs room for its title.
const LEAST_ROWS: i32 = 5;

/// Minutes of the day, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i32,
    pub(super) to: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Rows after midnight.
    pub(super) row: i32,
    pub(super) rows: i32,
    pub(super) lane: usize,
    /// How many lanes its group has.
    pub(super) lanes: usize,
}

/// Events without a lane of their own, one after the other or at once: they are shown as "+N more".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crowd {
    pub(super) place: Place,
    /// Which of the spans they are.
    pub(super) members: Vec<usize>,
}

/// Those with lanes of their own, each with its place, and the crowds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arranged {
    pub(super) alone: Vec<(usize, Place)>,
    pub(super) crowds: Vec<Crowd>,
}

/// A place for each span, its own or a crowd's; the spans come in order of their start.
pub(super) fn arrange(spans: &[Span]) -> Arranged {
    let mut arranged = Arranged::default();
    let mut group: Vec<(usize, Place)> = Vec::new();
    let mut ends: Vec<i32> = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        let mut place = rows(*span);
        if ends.iter().all(|end| *end <= place.row) {
            arranged.close(&mut group, ends.len());
            ends.clear();
        }
        place.lane = ends.iter().position(|end| *end <= place.row).unwrap_or(ends.len());
        match ends.get_mut(place.lane) {
            Some(end) => *end = place.row + place.rows,
            None => ends.push(place.row + place.rows),
        }
        group.push((number, place));
    }
    arranged.close(&mut group, ends.len());
    arranged
}

impl Arranged {
    /// Places what overlaps, in as many lanes as there are or as there may be.
    fn close(&mut self, group: &mut Vec<(usize, Place)>, lanes: usize) {
        let crowded = lanes > LANES;
        let lanes = lanes.min(LANES);
        let first = self.crowds.len();
        for (number, place) in group.drain(..) {
            let place = Place { lanes, ..place };
            if crowded && place.lane >= LANES - 1 {
                self.join(first, number, Place { lane: LANES - 1, ..place });
            } else {
                self.alone.push((number, place));
            }
        }
    }

    /// Adds to the crowd that is still there, or begins one; those before `first` are other groups'.
    fn join(&mut self, first: usize, number: usize, place: Place) {
        match self.crowds.get_mut(first..).and_then(<[Crowd]>::last_mut) {
            Some(crowd) if place.row < crowd.place.row + crowd.place.rows => {
                let end = (crowd.place.row + crowd.place.rows).max(place.row + place.rows);
                crowd.place.rows = end - crowd.place.row;
                crowd.members.push(number);
            }
            Some(_) | None => self.crowds.push(Crowd { place, members: vec![number] }),
        }
    }
}

fn rows(span: Span) -> Place {
    let day = 24 * HOUR_ROWS;
    let row = (span.from / ROW_MINUTES).min(day - LEAST_ROWS);
    let end = (span.to + ROW_MINUTES - 1) / ROW_MINUTES;
    Place { row, rows: (end - row).max(LEAST_ROWS).min(day - row), lane: 0, lanes: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(spans: &[(i32, i32)]) -> Arranged {
        let spans: Vec<Span> = spans.iter().map(|&(from, to)| Span { from, to }).collect();
        arrange(&spans)
    }

    fn lanes(spans: &[(i32, i32)]) -> Vec<(usize, usize)> {
        arranged(spans).alone.iter().map(|(_, place)| (place.lane, place.lanes)).collect()
    }

    /// The rows and the members of each crowd.
    fn crowds(spans: &[(i32, i32)]) -> Vec<(i32, i32, Vec<usize>)> {
        let crowds = arranged(spans).crowds.into_iter();
        crowds.map(|crowd| (crowd.place.row, crowd.place.rows, crowd.members)).collect()
    }

    #[test]
    fn neighbours_share_the_width_only_while_they_overlap() {
        assert_eq!(lanes(&[(0, 60), (60, 120)]), [(0, 1), (0, 1)]);
        assert_eq!(lanes(&[(0, 60), (30, 90), (60, 120)]), [(0, 2), (1, 2), (0, 2)]);
        assert_eq!(lanes(&[(0, 60), (30, 90), (200, 260)]), [(0, 2), (1, 2), (0, 1)]);
    }

    #[test]
    fn as_many_as_there_are_lanes_have_one_each() {
        let eight = vec![(600, 660); LANES];
        assert_eq!(lanes(&eight).last(), Some(&(LANES - 1, LANES)));
        assert!(crowds(&eight).is_empty());
    }

    #[test]
    fn one_more_makes_a_crowd_of_two_and_nobody_is_left_out() {
        for count in [LANES + 1, 12, 100] {
            let many = vec![(600, 660); count];
            assert_eq!(lanes(&many).len(), LANES - 1);
            let members: Vec<usize> = (LANES - 1..count).collect();
            assert_eq!(crowds(&many), [(120, 12, members)]);
        }
    }

    #[test]
    fn crowds_at_different_times_are_different_ones() {
        let mut spans = vec![(600, 840); LANES - 1];
        spans.extend([(600, 660), (600, 660), (630, 720), (780, 840), (780, 840)]);
        spans.extend(vec![(900, 960); LANES + 1]);
        let found = crowds(&spans);
        let members: Vec<_> = found.iter().map(|(.., members)| members.len()).collect();
        assert_eq!(members, [3, 2, 2]);
        assert_eq!((found[0].0, found[0].1), (120, 24));
        assert_eq!(arranged(&spans).alone.len() + members.iter().sum::<usize>(), spans.len());
    }

    #[test]
    fn rows_stay_inside_the_day_and_are_never_too_few() {
        let place = rows(Span { from: 14 * 60, to: 15 * 60 });
        assert_eq!((place.row, place.rows), (168, 12));
        let place = rows(Span { from: 600, to: 600 });
        assert_eq!(place.rows, LEAST_ROWS);
        let place = rows(Span { from: 1_439, to: 1_440 });
        assert_eq!(place.row + place.rows, 288);
    }
}
