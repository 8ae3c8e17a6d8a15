use super::fields;
use super::model::Model;
use crate::proto::json::{Bad, Cursor};
use crate::proto::provider::sort::sort_by;

/// Why a list of models cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelsError {
    /// It is no JSON, or has no list.
    InvalidResponse,
    /// It is larger than it may be.
    TooLarge,
    /// The server answered with this status.
    Status(u16),
}

impl ModelsError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            ModelsError::InvalidResponse => "invalid_response",
            ModelsError::TooLarge => "too_large",
            ModelsError::Status(_) => "bad_status",
        }
    }
}

/// Largest list, bytes. The longest public one has a tenth of it.
pub const MAX_BODY: usize = 16 << 20;
/// Most models of a list.
pub const MAX_MODELS: usize = 10_000;

/// Reads the answer of `/models` in any dialect: `{data:[…]}`, `{models:[…]}`, both, or a bare array.
///
/// ```
/// use opencode_session::proto::provider::models::read_models;
/// let models = read_models(br#"{"object":"list","data":[{"id":"m","max_model_len":4096}]}"#).unwrap();
/// assert_eq!((models[0].id.as_str(), models[0].context), ("m", Some(4096)));
/// ```
pub fn read_models(body: &[u8]) -> Result<Vec<Model>, ModelsError> {
    if body.len() > MAX_BODY {
        return Err(ModelsError::TooLarge);
    }
    let mut lists: [Option<Vec<Model>>; 2] = [None, None];
    let mut cursor = Cursor::new(body);
    let read = match cursor.peek() {
        Some(b'[') => array(&mut cursor).map(|models| lists[0] = Some(models)),
        _ => cursor.object(&mut |key, value| {
            let at = match () {
                () if value.peek() != Some(b'[') => return Ok(()),
                () if key.is("data") => 0,
                () if key.is("models") => 1,
                () => return Ok(()),
            };
            lists[at] = Some(array(value)?);
            Ok(())
        }),
    };
    let done = read.and_then(|()| cursor.end());
    let [data, models] = lists;
    let (true, Some(mut all)) = (done.is_ok(), data.clone().or_else(|| models.clone())) else {
        return Err(ModelsError::InvalidResponse);
    };
    if all.len() > MAX_MODELS {
        return Err(ModelsError::TooLarge);
    }
    // llama.cpp says the same twice, and each way something of its own.
    if data.is_some() {
        for other in models.unwrap_or_default() {
            if let Some(model) = all.iter_mut().find(|model| model.id == other.id) {
                model.complete(&other);
            }
        }
    }
    let places = by_id(&all);
    let mut kept: Vec<bool> = all.iter().map(|model| !model.id.is_empty()).collect();
    for pair in places.windows(2) {
        kept[pair[1]] &= all[pair[0]].id != all[pair[1]].id;
    }
    let mut kept = kept.into_iter();
    all.retain(|_| kept.next().unwrap_or_default());
    Ok(all)
}

/// The places of models in the order of their ids; of equal ones the first comes first.
pub(super) fn by_id(models: &[Model]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..models.len()).collect();
    sort_by(&mut places, &|one, other| {
        (&models[*one].id, one) > (&models[*other].id, other)
    });
    places
}

/// Reads the answer of `/models/{id}`, also where it stands in `data`.
pub fn read_model(body: &[u8]) -> Result<Model, ModelsError> {
    if body.len() > MAX_BODY {
        return Err(ModelsError::TooLarge);
    }
    let inner = crate::proto::json::field(body, "data").filter(|data| data.starts_with(b"{"));
    let model = fields::read(&mut Cursor::new(inner.unwrap_or(body))).map_err(|Bad| ModelsError::InvalidResponse)?;
    if model.id.is_empty() {
        return Err(ModelsError::InvalidResponse);
    }
    Ok(model)
}

fn array(value: &mut Cursor<'_>) -> Result<Vec<Model>, Bad> {
    let mut models = Vec::new();
    value.array(&mut |item| {
        // One more than may be, to see that there are too many.
        match item.peek() {
            Some(b'{') if models.len() <= MAX_MODELS => models.push(fields::read(item)?),
            Some(b'"') if models.len() <= MAX_MODELS => {
                let id = item.string()?.to_text();
                models.push(Model {
                    name: id.clone(),
                    id,
                    ..Model::default()
                });
            }
            _ => item.skip()?,
        }
        Ok(())
    })?;
    Ok(models)
}
