use std::fmt::Write as _;

use super::format::count;
use crate::numbers::{float, per, whole};

/// The drawing, in its own units; the page stretches it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 264.0;
/// Around the data: room for the labels.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// With more points than this, each of them is no longer marked.
const MARKED_MAX: usize = 48;

/// One line of a plot.
#[derive(Debug, Clone)]
pub struct Series {
    pub name: &'static str,
    /// Its colour: a number of the page's palette.
    pub colour: u8,
    /// Whether what is below it is filled.
    pub is_filled: bool,
    /// Where it goes; a `None` is a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By powers of ten.
    Logarithmic,
    /// Parts of all, from 0 to 1: each nine is as wide as the one before.
    Percentile,
}

/// A plot with one or more lines.
#[derive(Debug, Clone)]
pub struct Plot {
    pub title: &'static str,
    /// How to read it.
    pub hint: &'static str,
    /// Its lines; those without any point are left out.
    pub series: Vec<Series>,
    /// The axis below.
    pub x: Scale,
    /// The axis on the left.
    pub y: Scale,
    /// How its figures are written.
    pub write_y: fn(f64) -> String,
}

/// An axis: from a value to a place.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// Places of the two.
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    fn new(scale: Scale, values: &[f64], from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.iter().filter(|v| v.is_finite()) {
            (low, high) = (low.min(*value), high.max(*value));
        }
        let (low, high, ticks) = match scale {
            Scale::Linear => linear(high),
            Scale::Logarithmic => logarithmic(low, high),
            Scale::Percentile => percentile(high),
        };
        Self { scale, low, high, from, to, ticks }
    }

    /// An axis of times: it begins with the first and ends with the last.
    fn of_times(values: &[f64], from: f64, to: f64) -> Self {
        let mut axis = Self::new(Scale::Linear, values, from, to);
        if let (Some(low), Some(high)) =
            (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max))
            && low < high
        {
            (axis.low, axis.high) = (low, high);
            axis.ticks.retain(|tick| (low..=high).contains(tick));
        }
        axis
    }

    fn place(&self, value: f64) -> f64 {
        let along = |v: f64| match self.scale {
            Scale::Linear => v,
            Scale::Logarithmic => v.max(f64::MIN_POSITIVE).log10(),
            Scale::Percentile => nines(v),
        };
        let (low, high) = (along(self.low), along(self.high));
        self.from + per(along(value.clamp(self.low, self.high)) - low, high - low) * (self.to - self.from)
    }
}

/// How many nines a part of all has: 0.9 is 1, 0.99 is 2.
fn nines(part: f64) -> f64 {
    -(1.0 - part.clamp(0.0, 1.0)).max(1e-9).log10()
}

/// From 0 to a round number at or above `high`, with four to eight steps of 1, 2 or 5 times a power of ten.
fn linear(high: f64) -> (f64, f64, Vec<f64>) {
    let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
    let power = 10_f64.powf((high / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| high / step <= 6.0).unwrap_or(high);
    let n = (high / step - 1e-9).ceil().max(1.0);
    let ticks = (0..=whole(n)).map(|i| float(i) * step).collect();
    (0.0, n * step, ticks)
}

/// From a 1, 2 or 5 below `low` to one above `high`.
fn logarithmic(low: f64, high: f64) -> (f64, f64, Vec<f64>) {
    let low = if low.is_finite() { low.max(1.0) } else { 1.0 };
    let high = high.max(low * 1.01);
    let mut power = 10_f64.powf(low.log10().floor());
    let mut all = Vec::new();
    while all.last().is_none_or(|last| *last < high) && all.len() < 64 {
        all.extend([1.0, 2.0, 5.0].map(|n| n * power));
        power *= 10.0;
    }
    let below = all.iter().rev().copied().find(|v| *v <= low).unwrap_or(low);
    let above = all.iter().copied().find(|v| *v >= high).unwrap_or(high);
    let mut ticks: Vec<f64> = all.into_iter().filter(|v| (below..=above).contains(v)).collect();
    if ticks.len() > 7 {
        let is_decade = |v: &f64| (v.log10() - v.log10().round()).abs() < 1e-6;
        ticks.retain(is_decade);
    }
    (below, above, ticks)
}

fn percentile(high: f64) -> (f64, f64, Vec<f64>) {
    let high = if high.is_finite() { high.clamp(0.9, 0.999_999) } else { 0.99 };
    let known = [0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99, 0.999_999];
    (0.0, high, known.into_iter().filter(|tick| *tick <= high).collect())
}

/// A part of all in percent, with as many nines as it has.
fn write_percent(part: f64) -> String {
    let text = format!("{:.4}", part * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn write_seconds(seconds: f64) -> String {
    let text = format!("{seconds:.1}");
    format!("{} s", text.trim_end_matches(".0"))
}

impl Plot {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|s| s.points.iter().all(|(_, y)| y.is_none()))
    }

    /// The lines that have something.
    pub fn drawn(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|s| s.points.iter().any(|(_, y)| y.is_some()))
    }

    pub fn svg(&self) -> String {
        let points = || self.drawn().flat_map(|s| &s.points);
        let xs: Vec<f64> = points().map(|(x, _)| *x).collect();
        let ys: Vec<f64> = points().filter_map(|(_, y)| *y).collect();
        let x = match self.x {
            Scale::Linear => Axis::of_times(&xs, LEFT, WIDTH - RIGHT),
            scale => Axis::new(scale, &xs, LEFT, WIDTH - RIGHT),
        };
        let y = Axis::new(self.y, &ys, HEIGHT - BOTTOM, TOP);
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, self.title);
        for tick in &y.ticks {
            let (at, label) = (y.place(*tick), (self.write_y)(*tick));
            let _ = write!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{:.1}"/>"#, WIDTH - RIGHT);
            let _ = write!(svg, r#"<text class="y" x="{:.1}" y="{:.1}">{label}</text>"#, LEFT - 8.0, at + 4.0);
        }
        for tick in &x.ticks {
            let label = if self.x == Scale::Percentile { write_percent(*tick) } else { write_seconds(*tick) };
            let _ = write!(svg, r#"<text class="x" x="{:.1}" y="{:.1}">{label}</text>"#, x.place(*tick), HEIGHT - 12.0);
        }
        let bottom = HEIGHT - BOTTOM;
        let _ = write!(svg, r#"<path class="axis" d="M{LEFT} {bottom:.1}H{:.1}"/>"#, WIDTH - RIGHT);
        // The first one is the one that counts: it lies on top.
        let mut drawn: Vec<_> = self.drawn().collect();
        drawn.reverse();
        for series in drawn {
            self.draw(&mut svg, series, &x, &y);
        }
        svg.push_str("</svg>");
        svg
    }

    fn draw(&self, svg: &mut String, series: &Series, x: &Axis, y: &Axis) {
        let colour = series.colour;
        for stretch in series.points.split(|(_, value)| value.is_none()) {
            let places: Vec<(f64, f64)> =
                stretch.iter().filter_map(|(at, value)| Some((x.place(*at), y.place((*value)?)))).collect();
            let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
            let mut line = String::new();
            for (i, (px, py)) in (0_u64..).zip(&places) {
                let _ = write!(line, "{}{px:.1} {py:.1}", if i == 0 { 'M' } else { 'L' });
            }
            if series.is_filled {
                let bottom = HEIGHT - BOTTOM;
                let area = format!("{line}L{:.1} {bottom:.1}L{:.1} {bottom:.1}Z", last.0, first.0);
                let _ = write!(svg, r#"<path class="area c{colour}" d="{area}"/>"#);
            }
            let _ = write!(svg, r#"<path class="line c{colour}" d="{line}"/>"#);
        }
        let n_points = series.points.len();
        for (at, value) in series.points.iter().filter(|_| n_points <= MARKED_MAX && self.x == Scale::Linear) {
            let Some(value) = value else { continue };
            let (name, when, figure) = (series.name, write_seconds(*at), (self.write_y)(*value));
            let (px, py) = (x.place(*at), y.place(*value));
            let _ = write!(
                svg,
                r#"<circle class="dot c{colour}" cx="{px:.1}" cy="{py:.1}" r="2.6"><title>{when}: {name} {figure}</title></circle>"#
            );
        }
    }
}

/// A count on an axis: 20k, 1.5M.
pub fn short(number: f64) -> String {
    let (number, unit) = match number {
        n if n >= 1e6 => (n / 1e6, "M"),
        n if n >= 1e4 => (n / 1e3, "k"),
        n if n >= 10.0 => return count(whole(n.round())),
        n => (n, ""),
    };
    let text = if number < 1.0 { format!("{number:.2}") } else { format!("{number:.1}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A time on an axis: 20 ms, 1.5 s.
pub fn time(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{} µs", short(us)),
        us if us < 1e6 => format!("{} ms", short(us / 1e3)),
        us => format!("{} s", short(us / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plot(x: Scale, y: Scale, points: Vec<(f64, Option<f64>)>) -> Plot {
        let series = Series { name: "a line", colour: 0, is_filled: true, points };
        Plot { title: "title", hint: "hint", series: vec![series], x, y, write_y: short }
    }

    /// Every number of the drawing's lines.
    fn numbers(svg: &str) -> Vec<f64> {
        let paths = svg.split(" d=\"").skip(1).filter_map(|rest| rest.split('"').next());
        paths.flat_map(|d| d.split(|c: char| c.is_alphabetic() || c == ' ')).filter_map(|n| n.parse().ok()).collect()
    }

    proptest! {
        /// Whatever is drawn stays within the drawing, and the labels go up.
        #[test]
        fn everything_is_within_the_frame(
            values in proptest::collection::vec(proptest::option::of(0.0_f64..1e9), 0..80), is_logarithmic: bool,
        ) {
            let y = if is_logarithmic { Scale::Logarithmic } else { Scale::Linear };
            let n = values.len();
            let svg = plot(Scale::Linear, y, (0..n).map(|i| float(crate::numbers::count(i))).zip(values.clone()).collect()).svg();
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            prop_assert!(numbers(&svg).iter().all(|n| (0.0..=WIDTH).contains(n)), "{}", svg);
            let axis = Axis::new(y, &values.into_iter().flatten().collect::<Vec<_>>(), 100.0, 0.0);
            prop_assert!(axis.ticks.is_sorted_by(|a, b| a < b) && axis.ticks.len() <= 8 && !axis.ticks.is_empty());
            prop_assert!(axis.ticks.is_sorted_by_key(|tick| -axis.place(*tick)));
        }
    }

    #[test]
    fn axes_are_round() {
        assert_eq!(linear(23_000.0), (0.0, 25_000.0, vec![0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0, 25_000.0]));
        assert_eq!(logarithmic(300.0, 4_000.0), (200.0, 5_000.0, vec![200.0, 500.0, 1_000.0, 2_000.0, 5_000.0]));
        assert_eq!(percentile(0.999).2, [0.5, 0.9, 0.99, 0.999]);
        assert_eq!([0.0, 0.5, 0.99, 0.999_9].map(write_percent), ["0 %", "50 %", "99 %", "99.99 %"]);
        let written = [0.0, 0.05, 2.5, 10.0, 999.0, 20_000.0, 1_500_000.0].map(short);
        assert_eq!(written, ["0", "0.05", "2.5", "10", "999", "20k", "1.5M"]);
        assert_eq!([500.0, 20_000.0, 1_500_000.0].map(time), ["500 µs", "20 ms", "1.5 s"]);
    }

    #[test]
    fn each_nine_is_as_wide_as_the_last() {
        let axis = Axis::new(Scale::Percentile, &[0.999], 0.0, 300.0);
        for (part, place) in [(0.0, 0.0), (0.9, 100.0), (0.99, 200.0), (0.999, 300.0)] {
            assert!((axis.place(part) - place).abs() < 0.01, "{part}: {}", axis.place(part));
        }
    }

    #[test]
    fn a_gap_is_no_line() {
        let svg = plot(Scale::Linear, Scale::Linear, vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(2.0))]).svg();
        assert_eq!((svg.matches("class=\"line").count(), svg.matches("<circle").count()), (2, 2));
        assert!(plot(Scale::Linear, Scale::Linear, vec![(0.0, None)]).is_empty());
    }
}
