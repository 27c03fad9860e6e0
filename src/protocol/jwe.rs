//! Encryption of what is made for one client (RFC 7518 §4.1, §5.1).

use super::wire_enum;

wire_enum! {
    /// How the content key reaches the client. `RSA1_5` and passwords cannot be expressed.
    KeyManagementAlg {
        /// RSAES-OAEP with SHA-256.
        RsaOaep256 = "RSA-OAEP-256",
        /// ECDH-ES; the agreed key is the content key.
        EcdhEs = "ECDH-ES",
        /// ECDH-ES, and AES key wrap with 128 bits.
        EcdhEsA128Kw = "ECDH-ES+A128KW",
        /// ECDH-ES, and AES key wrap with 256 bits.
        EcdhEsA256Kw = "ECDH-ES+A256KW",
    }
}

wire_enum! {
    /// How the content is encrypted.
    ContentEncryption {
        /// AES-128-CBC with HMAC-SHA-256: what OpenID Connect means when a client names none (Registration §2).
        A128CbcHs256 = "A128CBC-HS256",
        /// AES-GCM with 128 bits.
        A128Gcm = "A128GCM",
        /// AES-GCM with 256 bits.
        A256Gcm = "A256GCM",
    }
}
