//! Quotas: cells of contacts and how many of each are wanted.

use std::collections::BTreeMap;

use super::campaign::DispositionClass;
use crate::units::Zone;

/// A cell of contacts and how many dispositions of a class are wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Its name, which people read.
    pub name: String,
    /// What the contact's fields must be, as in the list, whatever the case; all of them.
    pub fields: BTreeMap<String, String>,
    /// The files of the lists it is about; none for all.
    pub lists: Vec<String>,
    /// The zones it is about, by the contact's first number; none for all.
    pub zones: Vec<Zone>,
    /// The class of the dispositions that count.
    pub class: DispositionClass,
    /// Contacts with such a disposition at most.
    pub max: u32,
}
