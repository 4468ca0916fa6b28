//! Where an event stands in its day: which rows it covers, and which lane it has among those it overlaps.

/// Rows of five minutes.
pub(super) const ROW_MINUTES: i32 = 5;
pub(super) const HOUR_ROWS: i32 = 60 / ROW_MINUTES;
/// More events than this at one time share the last lane.
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

/// A place for each span; the spans come in order of their start.
pub(super) fn arrange(spans: &[Span]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::with_capacity(spans.len());
    let mut group = 0;
    let mut ends: Vec<i32> = Vec::new();
    for span in spans {
        let mut place = rows(*span);
        if ends.iter().all(|end| *end <= place.row) {
            close(&mut places[group..], ends.len());
            group = places.len();
            ends.clear();
        }
        let end = place.row + place.rows;
        match ends.iter().position(|end| *end <= place.row) {
            Some(free) => {
                place.lane = free;
                ends[free] = end;
            }
            None if ends.len() < LANES => {
                place.lane = ends.len();
                ends.push(end);
            }
            None => {
                place.lane = LANES - 1;
                ends[LANES - 1] = ends[LANES - 1].max(end);
            }
        }
        places.push(place);
    }
    close(&mut places[group..], ends.len());
    places
}

fn close(group: &mut [Place], lanes: usize) {
    for place in group {
        place.lanes = lanes;
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

    fn lanes(spans: &[(i32, i32)]) -> Vec<(usize, usize)> {
        let spans: Vec<Span> = spans.iter().map(|&(from, to)| Span { from, to }).collect();
        arrange(&spans).iter().map(|place| (place.lane, place.lanes)).collect()
    }

    #[test]
    fn neighbours_share_the_width_only_while_they_overlap() {
        assert_eq!(lanes(&[(0, 60), (60, 120)]), [(0, 1), (0, 1)]);
        assert_eq!(lanes(&[(0, 60), (30, 90), (60, 120)]), [(0, 2), (1, 2), (0, 2)]);
        assert_eq!(lanes(&[(0, 60), (30, 90), (200, 260)]), [(0, 2), (1, 2), (0, 1)]);
    }

    #[test]
    fn a_crowd_shares_the_last_lane() {
        let crowd = vec![(600, 660); 12];
        let placed = lanes(&crowd);
        assert_eq!(placed[7], (7, LANES));
        assert_eq!(placed[11], (7, LANES));
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
