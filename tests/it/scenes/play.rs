//! Plays a scene against a dialer and writes its table down again.

use std::fmt::Write as _;

use cadran::core::{Dialer, Settings};
use cadran::units::{Mono, Now, Span, Wall};

use super::words::{self, Told, World};

/// Where the orders of a row begin.
const ORDERS_AT: usize = 42;

struct Scene {
    dialer: Dialer,
    world: World,
    now: Now,
    start: Wall,
    hidden: Vec<String>,
    surprises: u64,
    table: String,
}

/// Plays a scene and gives its text as it should have been written.
pub(super) fn play(text: &str) -> Result<String, String> {
    let mut scene = Scene {
        dialer: Dialer::new(Settings { node: 0, first_call: 1, seed: 1 }),
        world: World::default(),
        now: Now::default(),
        start: "2026-11-20T09:00:00Z"
            .parse::<jiff::Timestamp>()
            .map(Wall::from)
            .map_err(|_| "no start")?,
        hidden: Vec::new(),
        surprises: 0,
        table: String::new(),
    };
    for (index, line) in text.lines().enumerate() {
        scene.line(line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
    }
    scene.dialer.check().map_err(|violation| violation.to_string())?;
    Ok(scene.table)
}

impl Scene {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let body = line.split('#').next().unwrap_or("").trim_end();
        let mut words = body.split_whitespace();
        let Some(first) = words.next() else { return self.copy(line) };
        if first == ">" {
            return Ok(());
        }
        let Ok(seconds) = first.parse::<f64>() else {
            let rest = words.collect::<Vec<_>>();
            self.header(first, &rest)?;
            return self.copy(line);
        };
        let facts = body.trim_start().split_once(' ').map_or("", |(_, facts)| facts);
        let facts = facts.split('>').next().unwrap_or("").trim();
        if facts == "wake" {
            return Ok(());
        }
        let at = Mono::START + Span::from_secs_f64(seconds);
        self.run_until(at)?;
        self.row(at, facts)
    }

    fn copy(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.table, "{}", line.trim_end()).map_err(|error| error.to_string())
    }

    fn header(&mut self, first: &str, rest: &[&str]) -> Result<(), String> {
        match first {
            "wall" => {
                let text = rest.first().ok_or("wall wants a time")?;
                self.start = text
                    .parse::<jiff::Timestamp>()
                    .map(Wall::from)
                    .map_err(|error| error.to_string())?;
            }
            "hide" => self.hidden.extend(rest.iter().map(|&word| word.to_owned())),
            _ => {
                self.clock(self.now.mono);
                for fact in self.world.header(first, rest)? {
                    self.dialer.take(self.now, fact);
                }
            }
        }
        Ok(())
    }

    fn clock(&mut self, at: Mono) {
        self.now = Now { mono: at, wall: self.start + at.since(Mono::START) };
    }

    /// Lets the dialer wake by itself as often as it wants before a row.
    fn run_until(&mut self, at: Mono) -> Result<(), String> {
        for _ in 0..10_000 {
            match self.dialer.next_wake() {
                Some((due, _)) if due < at => {
                    self.clock(due);
                    self.dialer.settle(self.now);
                    self.orders(None)?;
                }
                Some(_) | None => return Ok(()),
            }
        }
        Err("the dialer never rests".to_owned())
    }

    fn row(&mut self, at: Mono, facts: &str) -> Result<(), String> {
        self.clock(at);
        for fact in facts.split(';').map(str::trim).filter(|fact| *fact != "settle") {
            for fact in self.world.facts(self.now, fact)? {
                self.dialer.take(self.now, fact);
            }
        }
        self.dialer.settle(self.now);
        self.orders(Some(facts))
    }

    /// Writes the row of a batch: a wake that brought no order is not worth a line.
    fn orders(&mut self, facts: Option<&str>) -> Result<(), String> {
        let mut told = Vec::new();
        while let Some(order) = self.dialer.next_order() {
            let Told { kind, text } = words::tell(self.now, &order);
            if !self.hidden.iter().any(|hidden| hidden == kind) {
                told.push(text);
            }
        }
        for _ in self.surprises..self.dialer.surprises() {
            told.push("surprise".to_owned());
        }
        self.surprises = self.dialer.surprises();
        self.dialer.check().map_err(|violation| violation.to_string())?;
        if facts.is_none() && told.is_empty() {
            return Ok(());
        }
        let micros = self.now.mono.as_micros();
        let time = format!("{}.{:03}", micros / 1_000_000, micros / 1_000 % 1_000);
        let mut left = format!("{time:>8}  {}", facts.unwrap_or("wake"));
        if told.is_empty() {
            told.push(String::new());
        }
        for order in told {
            self.copy(&format!("{left:<ORDERS_AT$}  >  {order}"))?;
            left.clear();
        }
        Ok(())
    }
}
