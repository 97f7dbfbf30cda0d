//! Stands in for `webrtc.rs` in a build without the feature `webrtc`: no browser ever has a leg.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use super::world::World;
use super::{Codec, Event, MediaError};
use crate::units::LegId;

/// Refuses every browser.
#[derive(Debug)]
pub(super) struct Browsers;

impl Browsers {
    pub(super) const fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) const fn answer(
        &self,
        _: &str,
        _: SocketAddr,
        _: Instant,
    ) -> Result<(Browser, String), MediaError> {
        Err(MediaError::NoBrowsers)
    }
}

/// No browser.
#[derive(Debug)]
pub(super) enum Browser {}

impl Browser {
    pub(super) const fn codec(&self) -> Codec {
        match *self {}
    }

    pub(super) const fn is_joined(&self) -> bool {
        match *self {}
    }

    pub(super) const fn take(
        &mut self,
        _: (&mut [u8], usize),
        _: SocketAddr,
        _: &UdpSocket,
        _: &mut World,
    ) -> Option<usize> {
        match *self {}
    }

    pub(super) const fn send(&mut self, _: &[u8], _: &UdpSocket, _: Instant) -> bool {
        match *self {}
    }

    pub(super) const fn tick(&mut self, _: LegId, _: &UdpSocket, _: Instant) -> Option<Event> {
        match *self {}
    }

    pub(super) const fn close(&mut self, _: &UdpSocket) {
        match *self {}
    }
}
