/// Puts items into the order of their keys, the least first; equal ones in any order.
///
/// The standard library's sorts are fast for many items, and each use of them is 3 KB of wasm. There are few items here.
pub(super) fn sort_by_key<T: Copy>(items: &mut [T], key: impl Fn(&T) -> u64) {
    let mut gap = items.len();
    while gap > 1 {
        gap = (gap * 5 / 11).max(1);
        for at in gap..items.len() {
            let item = items[at];
            let mut to = at;
            while to >= gap && key(&items[to - gap]) > key(&item) {
                items[to] = items[to - gap];
                to -= gap;
            }
            items[to] = item;
        }
    }
}
