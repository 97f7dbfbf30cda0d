//! Charts as SVG, written by hand: axes, bands, lines and dots, legible on light and dark ground.

use std::fmt::Write as _;

/// One chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// A value that should not be passed, drawn across, with its name.
    pub(super) limit: Option<(Direction, f64, String)>,
}

/// Which axis a limit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    X,
    Y,
}

/// An axis from its first tick to its last.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) ticks: Vec<(f64, String)>,
}

/// A line with its band, or dots with their crosses of uncertainty.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// Which of the colours: a dialer's own.
    pub(super) color: usize,
    /// Which of the strokes and sizes of dots, for what bears the same colour.
    pub(super) stroke: usize,
    pub(super) line: bool,
    pub(super) points: Vec<Point>,
}

/// A point, and how far it may be off either way.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Half-widths along x and down and up along y.
    pub(super) spread: (f64, f64, f64),
    /// What is told when it is pointed at.
    pub(super) says: String,
}

/// The size of a chart, its plot's frame within it, and the place of its legend.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 352.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 590.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 304.0;
const LEGEND: f64 = 606.0;
/// Colours before they are used again: one for each dialer there is.
const COLORS: usize = 13;
/// Strokes before they are used again.
const STROKES: usize = 4;

/// The colours, for eyes of every kind (Okabe and Ito, "Color universal design", 2008) and
/// lightened or darkened to thirteen; the second of each pair is for dark ground.
const PALETTE: [(&str, &str); COLORS] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff8f3f"),
    ("#009e73", "#2fd0a2"),
    ("#b8860b", "#f0c445"),
    ("#cc79a7", "#e7a2c9"),
    ("#555555", "#b8b8b8"),
    ("#7a4fb5", "#b597ea"),
    ("#8c2d04", "#d98a66"),
    ("#2b8a8a", "#6fd3d3"),
    ("#5b7a1f", "#a9cc63"),
    ("#b0256b", "#ff86b8"),
    ("#3d4a9e", "#9aa6ff"),
    ("#8a6d5a", "#d2b8a6"),
];

impl Axis {
    /// Makes an axis from `low` to `high` with about five round ticks.
    pub(super) fn linear(label: &str, low: f64, high: f64, unit: &str) -> Self {
        let step = round_step((high - low).max(1e-6) / 5.0);
        let (first, last) = (libm::floor(low / step), libm::ceil(high / step).max(1.0));
        let mut ticks = Vec::new();
        let mut nth = first;
        while nth <= last.max(first + 1.0) {
            let value = nth * step;
            let digits = digits(step);
            ticks.push((value, format!("{value:.digits$}{unit}")));
            nth += 1.0;
        }
        Self { label: label.to_owned(), ticks }
    }

    /// Gives where a value lies, 0 at the first tick and 1 at the last.
    fn place(&self, value: f64) -> f64 {
        let low = self.ticks.first().map_or(0.0, |tick| tick.0);
        let high = self.ticks.last().map_or(1.0, |tick| tick.0);
        if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// Gives how many decimals tell the multiples of a step apart.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no step is so small")]
fn digits(step: f64) -> usize {
    libm::ceil(-libm::log10(step) - 1e-9).max(0.0) as usize
}

/// Gives 1, 2 or 5 times a power of ten, at least as large.
fn round_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(least)));
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

impl Chart {
    /// Writes the figures with decimal commas, as French does.
    pub(super) fn with_commas(mut self) -> Self {
        let ticks = self.x.ticks.iter_mut().chain(&mut self.y.ticks).map(|(_, label)| label);
        let told = self.series.iter_mut().flat_map(|series| &mut series.points);
        let texts = ticks.chain(told.map(|point| &mut point.says));
        let limit = self.limit.iter_mut().map(|(.., name)| name);
        texts.chain(limit).for_each(|text| *text = text.replace('.', ","));
        self
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.y.place(value) * (BOTTOM - TOP)
    }

    /// Writes the chart as an `<svg>` element whose upper edge is at `top` of what it stands in.
    pub(super) fn svg(&self, top: f64) -> String {
        let mut out = format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" y=\"{top}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\
             <title>{0}</title><text class=\"title\" x=\"{LEFT}\" y=\"20\">{0}</text>",
            escaped(&self.title)
        );
        self.frame(&mut out);
        // The first named is drawn last: nothing covers it.
        for series in self.series.iter().rev() {
            self.series(&mut out, series);
        }
        self.legend(&mut out);
        out + "</svg>"
    }

    fn frame(&self, out: &mut String) {
        let mut line = |class: &str, [x1, y1, x2, y2]: [f64; 4]| {
            put(
                out,
                format_args!(
                    "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" \
                     y2=\"{y2:.1}\"/>"
                ),
            );
        };
        for (value, _) in &self.y.ticks {
            line("grid", [LEFT, self.y(*value), RIGHT, self.y(*value)]);
        }
        for (value, _) in &self.x.ticks {
            line("tick", [self.x(*value), BOTTOM, self.x(*value), BOTTOM + 4.0]);
        }
        line("axis", [LEFT, BOTTOM, RIGHT, BOTTOM]);
        match &self.limit {
            Some((Direction::X, at, _)) => line("limit", [self.x(*at), TOP, self.x(*at), BOTTOM]),
            Some((Direction::Y, at, _)) => line("limit", [LEFT, self.y(*at), RIGHT, self.y(*at)]),
            None => {}
        }
        let mut text = |class: &str, x: f64, y: f64, text: &str| {
            let text = escaped(text);
            put(
                out,
                format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"),
            );
        };
        for (value, label) in &self.y.ticks {
            text("y", LEFT - 8.0, self.y(*value) + 4.0, label);
        }
        for (value, label) in &self.x.ticks {
            text("x", self.x(*value), BOTTOM + 18.0, label);
        }
        text("x label", f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0, &self.x.label);
        text("label", LEFT - 44.0, TOP - 16.0, &self.y.label);
        match &self.limit {
            Some((Direction::X, at, name)) => text("cap", self.x(*at) + 4.0, TOP + 10.0, name),
            Some((Direction::Y, at, name)) => {
                text("cap end", RIGHT - 4.0, self.y(*at) - 4.0, name);
            }
            None => {}
        }
    }

    fn series(&self, out: &mut String, series: &Series) {
        let (color, stroke) = (series.color % COLORS, series.stroke % STROKES);
        put(
            out,
            format_args!(
                "<g class=\"series c{color} s{stroke}\" data-name=\"{}\">",
                escaped(&series.name)
            ),
        );
        if series.line {
            self.band(out, series);
            let at = |point: &Point| format!("{:.1},{:.1}", self.x(point.x), self.y(point.y));
            let line = series.points.iter().map(at).collect::<Vec<_>>().join(" ");
            put(out, format_args!("<polyline points=\"{line}\"/>"));
        }
        for point in &series.points {
            if !series.line {
                self.cross(out, point);
            }
            // Dots on one another are rings.
            let dot = [5.0, 6.5, 8.0, 9.5][stroke];
            let (x, y, radius) =
                (self.x(point.x), self.y(point.y), if series.line { 2.5 } else { dot });
            let says = escaped(&point.says);
            put(
                out,
                format_args!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{says}</title>\
                     </circle>"
                ),
            );
        }
        out.push_str("</g>");
    }

    /// Draws the band between the low and high ends of a line.
    fn band(&self, out: &mut String, series: &Series) {
        let high = |point: &Point| (self.x(point.x), self.y(point.y + point.spread.2));
        let low = |point: &Point| (self.x(point.x), self.y(point.y - point.spread.1));
        let around = series.points.iter().map(high).chain(series.points.iter().rev().map(low));
        let around: Vec<_> = around.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        put(out, format_args!("<polygon points=\"{}\"/>", around.join(" ")));
    }

    /// Draws how far a dot may be off.
    fn cross(&self, out: &mut String, point: &Point) {
        let (x, y) = (self.x(point.x), self.y(point.y));
        let (left, right) = (self.x(point.x - point.spread.0), self.x(point.x + point.spread.0));
        let (low, high) = (self.y(point.y - point.spread.1), self.y(point.y + point.spread.2));
        put(
            out,
            format_args!(
                "<path class=\"cross\" \
                 d=\"M{left:.1} {y:.1}H{right:.1}M{x:.1} {low:.1}V{high:.1}\"/>"
            ),
        );
    }

    fn legend(&self, out: &mut String) {
        for (nth, series) in self.series.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a legend has few lines")]
            let y = TOP + 6.0 + 18.0 * nth as f64;
            let (color, name) = (series.color % COLORS, escaped(&series.name));
            put(
                out,
                format_args!(
                    "<g class=\"key c{color}\" data-name=\"{name}\"><rect x=\"{LEGEND}\" \
                     y=\"{0:.1}\" width=\"12\" height=\"10\" rx=\"2\"/><text x=\"{1:.1}\" \
                     y=\"{y:.1}\">{name}</text></g>",
                    y - 9.0,
                    LEGEND + 18.0,
                ),
            );
        }
    }
}

/// The margin of a file of charts.
const MARGIN: f64 = 16.0;
/// The height of a line of the note beneath them, and the letters it has room for.
const NOTE_LINE: f64 = 18.0;
const NOTE_LETTERS: usize = 100;

/// Breaks a note into lines.
fn lines(note: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in note.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        if line.chars().count() + 1 + word.chars().count() > NOTE_LETTERS {
            lines.push(word.to_owned());
        } else {
            *line = format!("{line} {word}").trim_start().to_owned();
        }
    }
    lines
}

/// Writes charts one below the other as a file of their own, with a note beneath, in the colours
/// for light ground: programs that draw SVG into documents know no style variables.
pub(super) fn file(charts: &[Chart], note: &str) -> String {
    let mut out = String::new();
    let mut top = 0.0;
    for chart in charts {
        out += &chart.svg(top);
        top += HEIGHT;
    }
    let mut style = CHART_STYLE.to_owned();
    for (nth, (light, _)) in PALETTE.iter().enumerate() {
        put(&mut style, format_args!(".c{nth}{{color:{light}}}"));
    }
    for (name, light, _) in INKS {
        style = style.replace(&format!("var(--{name})"), light);
    }
    // The last chart ends with the title of its axis: the note begins a line further down.
    let mut told = String::new();
    for line in lines(note) {
        top += NOTE_LINE;
        let line = escaped(&line);
        put(&mut told, format_args!("<text x=\"{LEFT}\" y=\"{top}\">{line}</text>"));
    }
    let (width, height) = (WIDTH + 2.0 * MARGIN, top + 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-{MARGIN} -{MARGIN} {width} \
         {height}\" width=\"{width}\" height=\"{height}\"><style>{style}</style>\
         <rect class=\"ground\" x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{width}\" \
         height=\"{height}\"/>{out}<g class=\"chart\">{told}</g></svg>\n",
    )
}

/// Gives the charts' style sheet for a page, which follows the reader's choice of light or dark.
pub(super) fn style() -> String {
    let colors = |dark: bool| {
        let ink = |(name, light, night): &(&str, &str, &str)| {
            format!("--{name}:{};", if dark { night } else { light })
        };
        let of = |(nth, pair): (usize, &(&str, &str))| {
            format!("--c{nth}:{};", if dark { pair.1 } else { pair.0 })
        };
        let inks: String = INKS.iter().map(ink).collect();
        inks + &PALETTE.iter().enumerate().map(of).collect::<String>()
    };
    let classes: String =
        (0..COLORS).map(|nth| format!(".c{nth}{{color:var(--c{nth})}}")).collect();
    format!(
        ":root{{{}}}@media(prefers-color-scheme:dark){{:root{{{}}}}}{CHART_STYLE}{classes}",
        colors(false),
        colors(true)
    )
}

/// The colours of everything but the lines: name, on light ground, on dark ground.
const INKS: [(&str, &str, &str); 6] = [
    ("ground", "#fdfcfa", "#171614"),
    ("card", "#ffffff", "#201e1b"),
    ("ink", "#24211d", "#ece7e0"),
    ("faint", "#77706a", "#a39b91"),
    ("rule", "#e6e1da", "#37332e"),
    ("cap", "#b3261e", "#ff897d"),
];

const CHART_STYLE: &str = ".ground{fill:var(--ground)}\
.chart text{font:12px system-ui,sans-serif;fill:var(--faint)}\
.chart .title{font-size:15px;font-weight:600;fill:var(--ink)}\
.chart .y{text-anchor:end}.chart .x{text-anchor:middle}.chart .end{text-anchor:end}\
.grid{stroke:var(--rule)}.tick,.axis{stroke:var(--faint)}\
.limit{stroke:var(--cap);stroke-dasharray:5 4}.chart .cap{fill:var(--cap)}\
.series polyline{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}\
.s1 polyline{stroke-dasharray:9 4}.s2 polyline{stroke-dasharray:3 3}\
.s3 polyline{stroke-dasharray:9 3 2 3}\
.series polygon{fill:currentColor;opacity:.14}.series circle,.key rect{fill:currentColor}\
.cross{fill:none;stroke:currentColor;stroke-width:1.2;opacity:.7}.key{cursor:pointer}\
.chart .key text{fill:var(--ink)}.off{opacity:.18}";

/// Writes into a string, which never fails.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes whatever is written");
}

/// Makes a text safe between tags and in attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_what_they_are_made_for() {
        for (low, high, count) in [(0.0, 3.4, 5), (66.2, 93.1, 4), (0.0, 0.9, 6), (0.0, 0.0, 2)] {
            let axis = Axis::linear("", low, high, " %");
            let ends = (axis.ticks.first().map(|t| t.0), axis.ticks.last().map(|t| t.0));
            assert!(ends.0.is_some_and(|first| first <= low), "{low}: {ends:?}");
            assert!(ends.1.is_some_and(|last| last >= high), "{high}: {ends:?}");
            assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= count + 3, "{:?}", axis.ticks);
        }
    }

    #[test]
    fn no_two_ticks_read_the_same() {
        for (high, last) in [(0.25, "0.25 h"), (0.067, "0.08 h"), (1.0, "1.0 h"), (6.0, "6 h")] {
            let ticks = Axis::linear("", 0.0, high, " h").ticks;
            let mut labels: Vec<&str> = ticks.iter().map(|tick| tick.1.as_str()).collect();
            assert_eq!(labels.last(), Some(&last));
            labels.dedup();
            assert_eq!(labels.len(), ticks.len(), "{labels:?}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_a_chart() {
        let series =
            Series { name: "<b>&\"".to_owned(), color: 15, stroke: 5, line: true, points: vec![] };
        let (x, y) = (Axis::linear("x", 0.0, 1.0, ""), Axis::linear("y", 0.0, 1.0, ""));
        let title = "</svg><script>".to_owned();
        let svg = Chart { title, x, y, series: vec![series], limit: None }.svg(0.0);
        assert!(!svg.contains("<script>") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("class=\"series c2 s1\""), "{svg}");
    }
    #[test]
    fn the_note_stands_beneath_the_last_axis_and_within_the_file() {
        let (x, y) = (Axis::linear("hours", 0.0, 6.0, " h"), Axis::linear("y", 0.0, 1.0, ""));
        let chart = Chart { title: "days".to_owned(), x, y, series: vec![], limit: None };
        let svg = file(&[chart.clone(), chart], &"a note of some length ".repeat(12));
        let (_, note) = svg.rsplit_once("<g class=\"chart\">").expect("the note's group");
        let lines: Vec<(f64, usize)> = (note.split("<text ").skip(1))
            .map(|line| {
                let (_, rest) = line.split_once("y=\"").expect("every text has its place");
                let (y, rest) = rest.split_once("\">").expect("and ends its tag");
                let words = rest.split('<').next().unwrap_or_default();
                (y.parse().expect("a place is a number"), words.chars().count())
            })
            .collect();
        // The axis is titled 38 below it; a line of letters is 12 high.
        let title = HEIGHT + BOTTOM + 38.0;
        assert_eq!(lines.len(), 3, "{note}");
        for (y, letters) in lines {
            assert!(y >= title + 12.0 && y <= 2.0 * HEIGHT + 4.0 * NOTE_LINE, "{y} {title}");
            assert!(letters <= NOTE_LETTERS, "{letters}");
        }
    }
}
