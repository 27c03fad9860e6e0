//! Long lists, a page at a time.

use std::ops::Range;

use super::view::Pager;
use crate::protocol::params::Params;

/// How many entries a page shows.
const PAGE_SIZE: usize = 20;

/// One page of a list of `count` entries: which of them it shows, and the links to its neighbours. `query` may ask for a page
/// by number; what is no number is the first one, and what lies beyond the end is the last.
pub fn page(query: Option<&str>, count: usize, href: &str) -> (Range<usize>, Option<Pager>) {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let pages = count.div_ceil(PAGE_SIZE).max(1);
    let asked = params.field("page").and_then(|page| page.parse::<usize>().ok());
    let current = asked.unwrap_or(1).clamp(1, pages);
    let start = (current - 1) * PAGE_SIZE;
    let link = |page: usize| (1..=pages).contains(&page).then(|| format!("{href}?page={page}"));
    let pager = (pages > 1).then(|| Pager {
        current,
        pages,
        previous_href: link(current - 1),
        next_href: link(current + 1),
    });
    (start..count.min(start + PAGE_SIZE), pager)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_has_no_pages() {
        for count in [0, 1, 20] {
            let (shown, pager) = page(Some("page=7"), count, "/list");
            assert_eq!((shown, pager.is_none()), (0..count, true));
        }
    }

    #[test]
    fn bi_21_any_page_number_is_answered() {
        for (query, current, shown) in [
            ("", 1, 0..20),
            ("page=2", 2, 20..40),
            ("page=3", 3, 40..45),
            ("page=4", 3, 40..45),
            ("page=18446744073709551615", 3, 40..45),
            ("page=0", 1, 0..20),
            ("page=-1", 1, 0..20),
            ("page=18446744073709551616", 1, 0..20),
            ("page=1e3", 1, 0..20),
            ("page=2&page=3", 1, 0..20),
            ("page='%20OR%201=1", 1, 0..20),
            ("page=%ff", 1, 0..20),
        ] {
            let (range, pager) = page(Some(query), 45, "/list");
            let pager = pager.unwrap();
            assert_eq!((pager.current, pager.pages, range), (current, 3, shown), "{query}");
            assert_eq!(pager.previous_href.is_none(), current == 1);
            assert_eq!(pager.next_href.is_none(), current == 3);
        }
    }
}
