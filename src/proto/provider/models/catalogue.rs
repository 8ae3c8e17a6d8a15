use super::fields;
use super::list::{MAX_BODY, MAX_MODELS, ModelsError};
use super::model::Model;
use crate::proto::json::Cursor;

/// Reads the models of one provider from a catalogue in the form of models.dev:
/// `{provider: {models: {id: {…}}}}`. They complete what a server's own list leaves out ([`Model::complete`]).
pub fn read_catalogue(body: &[u8], provider: &str) -> Result<Vec<Model>, ModelsError> {
    if body.len() > MAX_BODY {
        return Err(ModelsError::TooLarge);
    }
    let mut all = Vec::new();
    let mut cursor = Cursor::new(body);
    let read = cursor.object(&mut |key, value| {
        if !key.is(provider) || value.peek() != Some(b'{') {
            return Ok(());
        }
        value.object(&mut |key, value| {
            if !key.is("models") || value.peek() != Some(b'{') {
                return Ok(());
            }
            value.object(&mut |id, value| {
                if value.peek() == Some(b'{') && all.len() < MAX_MODELS {
                    let mut model = fields::read(value)?;
                    model.id = id.to_text();
                    all.push(model);
                }
                Ok(())
            })
        })
    });
    match read.and_then(|()| cursor.end()) {
        Ok(()) => Ok(all),
        Err(_) => Err(ModelsError::InvalidResponse),
    }
}
