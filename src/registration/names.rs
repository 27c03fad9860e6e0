//! Names that people know: nobody who registers itself may take one.

use unicode_normalization::UnicodeNormalization as _;

use super::{Refusal, RegistrationError};
use crate::app::App;
use crate::model::client::ClientMetadata;
use crate::protocol::error::Reason;

/// Refuses a client that calls itself, in any language, what this server or a client of the operator is called.
pub async fn check(app: &App, metadata: &ClientMetadata) -> Result<(), RegistrationError> {
    if !metadata.about.self_registered {
        return Ok(());
    }
    let mut known = vec![likeness(&app.config().server.display_name)];
    for client in app.store().clients().await? {
        if !client.metadata.about.self_registered {
            known.extend(names(&client.metadata).map(likeness));
        }
    }
    if names(metadata).any(|name| known.contains(&likeness(name))) {
        let why = "is the name of an application of this server: choose another";
        return Err(Refusal::because(Reason::RegistrationName, "client_name", why).into());
    }
    Ok(())
}

fn names(metadata: &ClientMetadata) -> impl Iterator<Item = &str> {
    let localized = metadata.about.localized.iter();
    let localized = localized.filter(|(member, _)| member.starts_with("client_name#"));
    std::iter::once(metadata.name.as_str()).chain(localized.map(|(_, name)| name.as_str()))
}

/// Equal for names that read alike: whatever the case, the width, and what stands between letters.
fn likeness(name: &str) -> String {
    name.nfkc()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn names_that_read_alike_are_alike() {
        for other in [
            "photo büro",
            "PHOTO BÜRO",
            "Photo-Büro",
            "Ｐｈｏｔｏ Büro",
            "Photo\u{200b}Büro",
            "PhotoBu\u{308}ro",
        ] {
            assert_eq!(likeness("Photo Büro"), likeness(other), "{other}");
        }
        assert_ne!(likeness("Photo Büro"), likeness("Photo Buro"));
    }
}
