//! Client secrets that the server has to know: an HMAC can only be checked with the secret itself (RFC 7518 §3.2).

use uuid::Uuid;

use super::seal::{MasterKey, SealError};
use crate::model::client::{ClientSecret, SealedSecret};
use crate::protocol::ids::ClientId;
use zeroize::Zeroizing;

/// The fewest bytes of a secret that keys HS256 (RFC 7518 §3.2: as long as the hash).
pub const MIN_MAC_BYTES: usize = 32;

/// The secret as it is stored. It opens only as this secret of this client.
pub fn seal(master: &MasterKey, client: &ClientId, id: Uuid, secret: &[u8]) -> SealedSecret {
    SealedSecret(master.seal(&context(client, id), secret))
}

/// The secret in clear; `None`: it is not kept, only recognised.
pub fn open(
    master: &MasterKey,
    client: &ClientId,
    secret: &ClientSecret,
) -> Result<Option<Zeroizing<Vec<u8>>>, SealError> {
    let sealed = secret.sealed.as_ref();
    sealed
        .map(|sealed| master.open(&context(client, secret.id), &sealed.0))
        .transpose()
}

/// The secret, opened with `from` and sealed under `to`; `None` where it is already, or is not kept.
pub fn reseal(
    from: &MasterKey,
    to: &MasterKey,
    client: &ClientId,
    secret: &ClientSecret,
) -> Result<Option<SealedSecret>, SealError> {
    let done = |sealed: &SealedSecret| from.that_sealed(&sealed.0).is_some_and(|by| by.id() == to.id());
    if secret.sealed.as_ref().is_none_or(done) {
        return Ok(None);
    }
    let opened = open(from, client, secret)?;
    Ok(opened.map(|opened| seal(to, client, secret.id, &opened)))
}

fn context(client: &ClientId, id: Uuid) -> Vec<u8> {
    format!("client-secret/{client}/{id}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::client::SecretVerifier;
    use crate::model::digest::TokenDigest;
    use crate::time::Timestamp;

    fn secret(id: u128, sealed: Option<SealedSecret>) -> ClientSecret {
        ClientSecret {
            id: Uuid::from_u128(id),
            verifier: SecretVerifier::Digest(TokenDigest::new([0; 32])),
            sealed,
            created_at: Timestamp(0),
            expires_at: None,
        }
    }

    #[test]
    fn a_secret_opens_in_its_own_place_and_is_sealed_again() {
        let (old, new) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        let (one, other) = (ClientId::parse("one").unwrap(), ClientId::parse("other").unwrap());
        let kept = secret(1, Some(seal(&old, &one, Uuid::from_u128(1), b"the secret")));
        let clear = open(&old, &one, &kept).unwrap().unwrap();
        assert_eq!(clear.as_slice(), b"the secret");
        assert!(open(&old, &other, &kept).is_err());
        assert!(open(&old, &one, &secret(2, kept.sealed.clone())).is_err());
        assert!(open(&new, &one, &kept).is_err());
        assert_eq!(open(&old, &one, &secret(1, None)), Ok(None));

        let both = old.clone().with_other(new.clone());
        let again = reseal(&both, &new, &one, &kept).unwrap().unwrap();
        let again = secret(1, Some(again));
        assert_eq!(open(&new, &one, &again).unwrap().unwrap().as_slice(), b"the secret");
        assert_eq!(reseal(&both, &new, &one, &again), Ok(None));
        assert_eq!(reseal(&both, &new, &one, &secret(1, None)), Ok(None));
        assert_eq!(format!("{:?}", kept.sealed), "Some(SealedSecret(…))");
    }
}
