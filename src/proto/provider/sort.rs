/// Puts items into the order of their keys, the least first; equal ones in any order.
///
/// The standard library's sorts are fast for many items, and each use of them is 3 KB of wasm. There are few items here.
pub(super) fn sort_by_key<T: Copy>(items: &mut [T], key: impl Fn(&T) -> u64) {
    sort_by(items, &|one, other| key(one) > key(other));
}

/// The same; `behind` says whether one comes behind the other.
pub(super) fn sort_by<T: Copy>(items: &mut [T], behind: &dyn Fn(&T, &T) -> bool) {
    let mut gap = items.len();
    while gap > 1 {
        gap = (gap * 5 / 11).max(1);
        for at in gap..items.len() {
            let item = items[at];
            let mut to = at;
            while to >= gap && behind(&items[to - gap], &item) {
                items[to] = items[to - gap];
                to -= gap;
            }
            items[to] = item;
        }
    }
}
