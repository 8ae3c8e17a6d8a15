use crate::proto::event::{MessageHead, PartHead, message_head, part_head};
use crate::proto::json::{Bad, Cursor};

/// Parts kept of a message: the newest ones.
pub(super) const MAX_PARTS: usize = 4_000;

/// A page of history: the answer of `GET /session/{id}/message`, oldest first.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// The messages in the order of the server, which is that of their places too.
    pub items: Vec<PageItem<'a>>,
    /// How many of its messages cannot be read.
    pub bad: usize,
}

/// One `{info, parts}`.
#[derive(Debug)]
pub struct PageItem<'a> {
    /// What merging needs of `info`.
    pub head: MessageHead<'a>,
    /// `info`.
    pub info: &'a [u8],
    /// What merging needs of each part, with the part.
    pub parts: Vec<(PartHead<'a>, &'a [u8])>,
    /// The whole item; empty when it is not to be shown whole.
    pub raw: &'a [u8],
    /// It has more parts than are kept.
    pub cut: bool,
}

impl<'a> Page<'a> {
    /// Reads a list of messages.
    pub fn read(body: &'a [u8]) -> Result<Self, Bad> {
        let mut page = Page::default();
        let mut cursor = Cursor::new(body);
        cursor.array(&mut |cursor| {
            let mut behind = cursor.clone();
            match PageItem::read(cursor) {
                Ok(item) => page.items.push(item),
                Err(_) => {
                    // It costs itself.
                    behind.skip()?;
                    *cursor = behind;
                    page.bad += 1;
                }
            }
            Ok(())
        })?;
        cursor.end()?;
        if page.bad > 0 && page.items.is_empty() {
            return Err(Bad);
        }
        page.straighten();
        Ok(page)
    }

    /// Times that contradict the order of the server give way to it.
    fn straighten(&mut self) {
        let mut next: Option<(i64, &[u8])> = None;
        for item in self.items.iter_mut().rev() {
            if let Some((created, id)) = next
                && item.place() > (created, id)
            {
                item.head.created = if item.head.id.raw() < id {
                    created
                } else {
                    created.saturating_sub(1)
                };
            }
            next = Some(item.place());
        }
    }
}

impl<'a> PageItem<'a> {
    /// Its time and id.
    pub fn place(&self) -> (i64, &'a [u8]) {
        (self.head.created, self.head.id.raw())
    }

    /// The first text of its parts.
    pub fn first_text(&self) -> Option<String> {
        self.parts
            .iter()
            .find_map(|(head, _)| head.text)
            .map(|text| text.to_text())
    }

    /// Reads one message, and leaves the cursor behind it.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, Bad> {
        cursor.peek();
        let start = cursor.clone();
        let mut item = PageItem {
            head: MessageHead::default(),
            info: &[],
            parts: Vec::new(),
            raw: &[],
            cut: false,
        };
        cursor.object(&mut |key, value| {
            if key.is("info") {
                value.peek();
                let begin = value.clone();
                item.head = message_head(value)?;
                item.info = begin.upto(value);
            } else if key.is("parts") {
                value.array(&mut |value| {
                    value.peek();
                    let begin = value.clone();
                    let head = part_head(value)?;
                    item.parts.push((head, begin.upto(value)));
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        item.raw = start.upto(cursor);
        if item.parts.len() > MAX_PARTS {
            item.parts.drain(..item.parts.len() - MAX_PARTS);
            (item.raw, item.cut) = (&[], true);
        }
        if item.head.id.is_empty() { Err(Bad) } else { Ok(item) }
    }
}
