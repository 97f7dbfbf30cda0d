//! Telephone numbers that are nobody's: the numbering plans keep them for fiction.

/// French blocks of ten thousand numbers, behind the 0 or +33 (Arcep, décision 2018-0881).
pub const FRENCH: [&str; 6] = ["19900", MOBILE, "26191", "35301", "46571", "53649"];

/// The French block of mobile numbers, the only one that no plan calls assigned.
pub(super) const MOBILE: &str = "63998";

/// British beginnings of a thousand numbers each (Ofcom, numbers for drama use).
const BRITISH: [&str; 5] = ["2079460", "1632960", "7700900", "1134960", "3069990"];

/// Tells whether digits from the `+` on are kept for fiction.
pub(super) fn kept(digits: &str) -> bool {
    if let Some(national) = digits.strip_prefix("+33") {
        return national.len() == 9 && FRENCH.iter().any(|block| national.starts_with(block));
    }
    if let Some(national) = digits.strip_prefix("+44") {
        return national.len() == 10 && BRITISH.iter().any(|block| national.starts_with(block));
    }
    // 555-0100 to 555-0199 in every North American area (ATIS-0300115).
    let american = digits.strip_prefix("+1").filter(|national| national.len() == 10);
    american.is_some_and(|national| national.get(3..8) == Some("55501"))
}

/// Tells whether digits from the `+` on are a French mobile number kept for fiction.
pub(super) fn is_mobile(digits: &str) -> bool {
    let french = digits.strip_prefix("+33");
    kept(digits) && french.is_some_and(|national| national.starts_with(MOBILE))
}
